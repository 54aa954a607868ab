"""Render templates as responses, in the language of the request."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import (
    BytecodeCache,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    pass_context,
    select_autoescape,
)
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse

from auth_server.rendering.headers import PAGE_HEADERS
from auth_server.rendering.languages import SOURCE, match_language
from auth_server.rendering.static import StaticFiles, load_static_files
from auth_server.rendering.translation import Translation, load_translations, translatable
from auth_server.settings import AuthServerSettings
from gatepost.metering.money import format_number

TEMPLATES = Path(__file__).parent / "templates"
_MOST_ITEMS = 200
"""The number of items up to which a page is rendered in the event loop, within milliseconds."""


class _Compiled(BytecodeCache):
    """Keeps the code of templates for all languages, because compiling a large one takes 90 ms."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take the code of a template, if its source is still the same."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of a template."""
        self._codes[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _Compiled()
"""One for the process: the code depends on nothing but the source."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders the pages."""

    environments: Mapping[str, Environment]
    """The environment of each language, by its tag."""
    static: StaticFiles
    headers: dict[str, str]
    languages: Mapping[str, str]
    """Each language's own name, by its tag."""
    language: str = SOURCE
    thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "gatepost-pages")
    )
    """Renders long pages, one after another; starts with the first one."""

    async def answer_list(
        self, template: str, *, items: int, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Render a template as `answer` does, in a thread if it lists many items.

        So the event loop goes on meanwhile.

        Args:
            template: the template's name.
            items: the number of items that it lists.
            status: the HTTP status.
            values: the template's values.
        """
        render = partial(self.answer, template, status=status, **values)
        if items <= _MOST_ITEMS:
            return render()
        return await asyncio.get_running_loop().run_in_executor(self.thread, render)

    def answer(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Render a template as a response with the headers of pages."""
        html = self.render(template, **values)
        headers = {**self.headers, "Content-Language": self.language}
        return HTMLResponse(html, status_code=status, headers=headers)

    def render(self, template: str, **values: Any) -> str:
        """Render a template; HTML templates escape every value."""
        found = self.environments[self.language].get_template(template)
        return found.render(template=template, **values)

    def compile_all(self) -> None:
        """Compile every template, so that no request waits for it."""
        for environment in self.environments.values():
            for name in environment.list_templates():
                environment.get_template(name)

    def for_languages(self, asked: Sequence[str]) -> "Pages":
        """Return these pages in the first available of the languages, or else in English."""
        language = match_language(asked, self.environments) or SOURCE
        return self if language == self.language else replace(self, language=language)


def brief(text: str) -> str:
    """Shorten a tool's description, written for models, to its first sentence."""
    plain = " ".join(text.replace("`", "").split())
    end = re.search(r"(?<!e\.g)(?<!i\.e)[.!?](?= |$)", plain)
    first = plain[: end.end()] if end else plain
    return first if len(first) <= 160 else f"{first[:159].rstrip()}…"


def moment(at: datetime, seconds: bool = False) -> Markup:
    """Format a time as an element that the script converts to the reader's time zone."""
    shown = f"{at:%Y-%m-%d %H:%M:%S} UTC" if seconds else f"{at:%Y-%m-%d %H:%M} UTC"
    iso = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    if seconds:
        return Markup('<time datetime="{}" data-seconds>{}</time>').format(iso, shown)
    return Markup('<time datetime="{}">{}</time>').format(iso, shown)


def milliseconds(duration: float | None) -> str:
    """Format a duration in milliseconds or seconds; a dash if there is none."""
    if duration is None:
        return "\N{EN DASH}"
    if duration < 10:
        return f"{duration:.1f}\u202fms"
    return f"{duration:.0f}\u202fms" if duration < 1000 else f"{duration / 1000:.1f}\u202fs"


def grouped(number: int) -> str:
    """Format a number with a narrow space between groups of three digits, as every language reads it."""
    return f"{number:,}".replace(",", "\u202f")


def money(amount: Decimal, currency: str, *, point: str = ".") -> str:
    """Format an amount without its currency, with the decimals of the currency and a decimal point."""
    return format_number(amount, currency).replace(".", point)


def open_pages(settings: AuthServerSettings) -> Pages:
    """Load the templates, the static files and the texts of every language.

    Raises:
        UnusableFile: a translation is malformed, or the logo is not an image.
    """
    static = load_static_files(settings.branding)
    translations = load_translations(settings.translations)
    environments = {
        tag: _environment(settings, static, translation)
        for tag, translation in translations.items()
    }
    headers = dict(PAGE_HEADERS)
    if settings.secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    names = {tag: translation.name for tag, translation in sorted(translations.items())}
    return Pages(environments, static, headers, names)


def template_environment() -> Environment:
    """Create a template environment without a language."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=_COMPILED,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters["brief"] = brief
    environment.filters["moment"] = moment
    environment.filters["grouped"] = grouped
    environment.filters["money"] = money
    environment.filters["decimal"] = str
    environment.filters["milliseconds"] = milliseconds
    # `_()` returns markup. A text that is passed in as a value must not be treated as markup, so it
    # goes through this filter and is escaped like every value.
    environment.filters["translated"] = str
    return environment


def _environment(
    settings: AuthServerSettings, static: StaticFiles, translation: Translation
) -> Environment:
    environment = template_environment()
    # The i18n extension adds this method at run time, so the type lacks it.
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        translation.gettext, translation.ngettext, newstyle=True
    )
    # The second character of a translated number is the language's decimal point.
    point = translation.gettext(translatable("0.5"))[1]

    # What depends on the language takes the context, so that its results are not compiled into the code.
    @pass_context
    def translate(_: Context, text: str) -> str:
        return translation.gettext(text)

    @pass_context
    def write_money(_: Context, amount: Decimal, currency: str) -> str:
        return money(amount, currency, point=point)

    @pass_context
    def write_decimal(_: Context, number: str) -> str:
        return number.replace(".", point)

    environment.filters["translated"] = translate
    environment.filters["money"] = write_money
    environment.filters["decimal"] = write_decimal
    environment.globals["base"] = settings.path
    environment.globals["language"] = translation.tag

    def locate(name: str) -> str:
        return f"{settings.path}/static/{static.name(name)}"

    logo = next((locate(name) for name in static.files if name.startswith("logo.")), None)
    colours = locate("branding.css") if "branding.css" in static.files else None
    environment.globals["static"] = locate
    environment.globals["accent"] = settings.branding.accent or "#1f5f4a"
    environment.globals["brand"] = {
        **settings.branding.model_dump(include={"name", "support_url", "privacy_url", "terms_url"}),
        "logo": logo,
        "stylesheet": colours,
    }
    return environment
