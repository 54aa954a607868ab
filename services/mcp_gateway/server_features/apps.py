"""Write the pages of apps, which hosts show beside a tool's answer (MCP Apps 2026-01-26).

A page is complete: one document with its style, its script and what it shows as data. It requests
nothing, and its policy lets it request nothing. It calls tools through the host, as the same client.
"""

import hashlib
import html
import re
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from mcp_gateway.catalogue.apps import App, AppField, AppLink
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.server_features.app_forms import describe_inputs

APPS = "io.modelcontextprotocol/ui"
"""The extension's identifier."""
MIME_TYPE = "text/html;profile=mcp-app"
PREFIX = "ui://gatepost/"
_FOLDER = Path(__file__).with_name("app")
# Hosts may keep a page by its URI, so the URI changes with the page.
_DIGITS = 12
_SPARE = re.compile(r"^ *(//|/\*\*).*\n|^ +", re.MULTILINE)
"""Comments and indentation, which a page doesn't need."""
_META: Mapping[str, Any] = {
    "ui": {"csp": {"connectDomains": [], "resourceDomains": []}, "prefersBorder": True}
}


def has_apps(catalogue: Catalogue) -> bool:
    """Tell whether a tool of the catalogue has an app."""
    return any(tool.app is not None for tool in catalogue.tools.values())


def link_app(catalogue: Catalogue, tool: Tool) -> dict[str, Any] | None:
    """Return the `_meta` that connects a tool with its page, or None if it has no app."""
    if tool.app is None:
        return None
    return {"ui": {"resourceUri": app_uri(catalogue, tool, tool.app)}}


def app_uri(catalogue: Catalogue, tool: Tool, app: App) -> str:
    """Return the URI of a tool's page, which is another one if the page changes."""
    everything = orjson.dumps(_describe(catalogue, tool, app, catalogue.tools.keys()))
    digest = hashlib.sha256(_parts().digest + everything).hexdigest()
    return f"{PREFIX}{tool.name}/{digest[:_DIGITS]}"


def find_app(catalogue: Catalogue, allowed: frozenset[str], uri: str) -> Tool | None:
    """Return the tool whose page has a URI, if the caller may use it; a former URI or name also counts."""
    name = uri.removeprefix(PREFIX).partition("/")[0]
    if (renamed := catalogue.former.get(name)) is not None:
        name = renamed[0].name
    if not uri.startswith(PREFIX) or name not in catalogue.usable(allowed):
        return None
    tool = catalogue.tools.get(name)
    return tool if tool is not None and tool.app is not None else None


def write_app(
    catalogue: Catalogue, allowed: frozenset[str], tool: Tool, uri: str
) -> dict[str, Any]:
    """Write a tool's page as contents of `resources/read`, without what the caller may not use."""
    app, parts = tool.app, _parts()
    assert app is not None  # noqa: S101 - `find_app` returned the tool
    data = orjson.dumps(_describe(catalogue, tool, app, catalogue.usable(allowed))).decode()
    page = parts.page.format(
        policy=parts.policy,
        title=html.escape(app.title),
        style=parts.style,
        script=parts.script,
        data=_inert(data),
    )
    return {"uri": uri, "mimeType": MIME_TYPE, "text": page, "_meta": _META}


def _describe(
    catalogue: Catalogue, tool: Tool, app: App, usable: Collection[str]
) -> dict[str, Any]:
    """Describe what the script shows and calls."""
    described: dict[str, Any] = {
        "view": app.view,
        "tool": tool.name,
        "title": app.title,
        "at": app.at,
        "fields": [_describe_field(field) for field in app.fields],
    }
    pages = tool.compiled_shape.pages
    if pages is not None:
        described["next"] = pages.argument
    if app.row is not None and app.row.tool in usable:
        shown = catalogue.tools[app.row.tool]
        card = shown.app
        if card is not None:
            inner = _describe(catalogue, shown, card, usable)
            described["row"] = {**inner, "arguments": dict(app.row.arguments)}
    if app.submit is not None and app.submit.tool in usable:
        form = _describe_form(catalogue.tools[app.submit.tool], app.submit)
        described["submit"] = {**form, "title": app.title} if app.view == "form" else form
    return described


def _describe_field(field: AppField) -> dict[str, Any]:
    described = {"label": field.label, "path": field.path}
    return {**described, "kind": field.kind} if field.kind else described


def _describe_form(tool: Tool, link: AppLink) -> dict[str, Any]:
    hidden = dict(link.arguments)
    return {
        "tool": tool.name,
        "title": tool.title,
        "action": tool.title,
        "hidden": hidden,
        "changes": tool.operation.method == "PATCH",
        "inputs": list(describe_inputs(tool, hidden)),
    }


def _inert(data: str) -> str:
    """Write JSON so that no text in it ends the element or begins another one."""
    return data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@dataclass(frozen=True, slots=True)
class _Parts:
    page: str
    style: str
    script: str
    policy: str
    digest: bytes


@cache
def _parts() -> _Parts:
    page, style, script = (
        (_FOLDER / name).read_text(encoding="utf-8")
        for name in ("page.html", "style.css", "script.js")
    )
    style, script = (_SPARE.sub("", text) for text in (style, script))
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_source(script)}'",
            f"style-src '{_source(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )
    digest = hashlib.sha256((page + style + script).encode()).digest()
    return _Parts(page, style, script, policy, digest)


def _source(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
