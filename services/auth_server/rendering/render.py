"""Templates to responses, in the language of whoever asks."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.responses import HTMLResponse

from auth_server.rendering.headers import PAGE_HEADERS
from auth_server.rendering.languages import SOURCE, match_language
from auth_server.rendering.static import StaticFiles, load_static_files
from auth_server.rendering.translation import Translation, load_translations
from auth_server.settings import AuthServerSettings

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders the pages."""

    environments: Mapping[str, Environment]
    """One for each language."""
    static: StaticFiles
    headers: dict[str, str]
    languages: Mapping[str, str]
    """What each is called in itself, by its tag."""
    language: str = SOURCE

    def answer(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Render a template as a response with the headers of a page."""
        html = self.render(template, **values)
        headers = {**self.headers, "Content-Language": self.language}
        return HTMLResponse(html, status_code=status, headers=headers)

    def render(self, template: str, **values: Any) -> str:
        """Render a template; in an HTML one every value is escaped."""
        found = self.environments[self.language].get_template(template)
        return found.render(template=template, **values)

    def for_languages(self, asked: Sequence[str]) -> "Pages":
        """Speak the first of these languages that there is, English where there is none."""
        language = match_language(asked, self.environments) or SOURCE
        return self if language == self.language else replace(self, language=language)


def brief(text: str) -> str:
    """Shorten a tool's description, which is written for a model, to its first sentence."""
    plain = " ".join(text.replace("`", "").split())
    end = re.search(r"(?<!e\.g)(?<!i\.e)[.!?](?= |$)", plain)
    first = plain[: end.end()] if end else plain
    return first if len(first) <= 160 else f"{first[:159].rstrip()}…"


def moment(at: datetime) -> Markup:
    """Write a time as an element that the script turns into the reader's own time."""
    return Markup('<time datetime="{}">{}</time>').format(
        f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{at:%Y-%m-%d %H:%M} UTC"
    )


def open_pages(settings: AuthServerSettings) -> Pages:
    """Load the templates, the static files and the texts of every language.

    Raises:
        UnusableFile: a file of texts is malformed, or the logo is no picture.
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
    """Make what reads the templates, without a language."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters["brief"] = brief
    environment.filters["moment"] = moment
    # What `_()` translates is taken for markup. A text that comes as a value must not be: it goes
    # through this filter, and is escaped like every value.
    environment.filters["translated"] = str
    return environment


def _environment(
    settings: AuthServerSettings, static: StaticFiles, translation: Translation
) -> Environment:
    environment = template_environment()
    # The i18n extension adds the method when it is loaded, which no type says.
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        translation.gettext, translation.ngettext, newstyle=True
    )
    environment.filters["translated"] = translation.gettext
    environment.globals["base"] = settings.path
    environment.globals["language"] = translation.tag

    def locate(name: str) -> str:
        return f"{settings.path}/static/{static.name(name)}"

    logo = next((locate(name) for name in static.files if name.startswith("logo.")), None)
    colours = locate("branding.css") if "branding.css" in static.files else None
    environment.globals["static"] = locate
    environment.globals["brand"] = {
        **settings.branding.model_dump(include={"name", "support_url", "privacy_url", "terms_url"}),
        "logo": logo,
        "stylesheet": colours,
    }
    return environment
