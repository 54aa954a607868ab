"""Templates to responses."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from auth_server.pages.headers import PAGE_HEADERS
from auth_server.settings import AuthServerSettings

HERE = Path(__file__).parent
STATIC = HERE / "static"


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders the pages; every value is escaped."""

    environment: Environment
    headers: dict[str, str]

    def answer(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Render a template as a response with the headers of a page."""
        html = self.environment.get_template(template).render(**values)
        return HTMLResponse(html, status_code=status, headers=self.headers)


def brief(text: str) -> str:
    """Shorten a tool's description, which is written for a model, to its first sentence."""
    plain = " ".join(text.replace("`", "").split())
    end = re.search(r"(?<!e\.g)(?<!i\.e)[.!?](?= |$)", plain)
    first = plain[: end.end()] if end else plain
    return first if len(first) <= 160 else f"{first[:159].rstrip()}…"


def open_pages(settings: AuthServerSettings) -> Pages:
    """Load the templates."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    stylesheet = hashlib.sha256((STATIC / "gatepost.css").read_bytes()).hexdigest()[:12]
    environment.filters["brief"] = brief
    environment.globals["base"] = settings.path
    environment.globals["stylesheet"] = f"{settings.path}/static/gatepost.css?{stylesheet}"
    headers = dict(PAGE_HEADERS)
    if settings.secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return Pages(environment, headers)
