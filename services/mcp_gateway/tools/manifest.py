"""The manifest `tools.yaml`: the reviewed source of truth for what a gateway serves.

It names operations of the OpenAPI document beside it and says what a person decided about each.
Nothing it doesn't name is served; whatever it names must be servable exactly, or loading fails with
every problem found, each naming file, tool, key and the fix.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatepost.allowed_tools import TOOL_NAME
from gatepost.data_scope import MalformedDataScope, parse_data_scope
from gatepost.scopes import ADMIN, READ, WRITE
from mcp_gateway.tools.arguments import ImportedOperation, Unimportable, import_operation
from mcp_gateway.tools.catalogue import Catalogue
from mcp_gateway.tools.document import DocumentError, read_document
from mcp_gateway.tools.openapi import OpenApiDocument, UnknownOperation, load_openapi
from mcp_gateway.tools.schemas import UnusableSchema, tidy_text
from mcp_gateway.tools.tool import Tool
from mcp_gateway.tools.validation import compile_validator

DEADLINE = 30.0
_LONGEST_DEADLINE = 300.0
_SAFE = frozenset({"GET", "HEAD"})
_CLAIMS = ("tenant_id", "sub", "client_id")
_MOST_SHOWN = 20
_Check = Callable[[Any], str | None]


class ManifestError(Exception):
    """The manifest can't be served; the message lists each problem and how to fix it."""


@dataclass(frozen=True, slots=True)
class ToolEntry:
    """What the manifest says about one tool; None where it leaves the default."""

    name: str
    operation: str
    title: str | None = None
    description: str | None = None
    scope: str | None = None
    toolsets: tuple[str, ...] | None = None
    bind: tuple[tuple[str, str], ...] = ()
    deadline: float = DEADLINE
    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    expose: bool = True


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed `tools.yaml`."""

    name: str
    openapi: Path
    tools: tuple[ToolEntry, ...]


def load_catalogue(path: Path) -> Catalogue:
    """Read a manifest and its OpenAPI document into the catalogue to serve.

    Args:
        path: the `tools.yaml`; `openapi` in it is a path from where it lies.

    Raises:
        ManifestError: listing everything that must be fixed.
    """
    manifest = load_manifest(path)
    try:
        document = load_openapi(manifest.openapi)
    except DocumentError as error:
        raise ManifestError(f"{path}: openapi: {manifest.openapi} {error}") from None
    tools: list[Tool] = []
    problems: list[str] = []
    for entry in manifest.tools:
        if entry.expose:
            try:
                tools.append(make_tool(entry, document))
            except ManifestError as error:
                problems.append(f"{path}: tools.{entry.name}{error}")
    _raise_all(problems)
    return Catalogue.of(manifest.name, tools)


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest, without its OpenAPI document.

    Raises:
        ManifestError: listing everything that must be fixed.
    """
    try:
        source = read_document(path)
    except DocumentError as error:
        raise ManifestError(f"{path}: {error}") from None
    problems = [
        *_check(
            source, {"version": _version, "name": _words(200), "openapi": _words(1000)}, "tools"
        ),
    ]
    entries: list[ToolEntry] = []
    tools = source.get("tools")
    if not isinstance(tools, dict):
        problems.append("tools: missing or not a mapping; write tool names and their operations")
        tools = {}
    for name, value in tools.items():
        found = _check_tool(name, value)
        problems += [f"tools.{name}{problem}" for problem in found]
        if not found:
            entries.append(_entry(name, value))
    _raise_all([f"{path}: {problem}" for problem in problems])
    return Manifest(
        name=tidy_text(source["name"]),
        openapi=path.parent / source["openapi"],
        tools=tuple(entries),
    )


def make_tool(entry: ToolEntry, document: OpenApiDocument) -> Tool:
    """Join what the manifest decides with what the document describes.

    Raises:
        ManifestError: the text begins with the key, as `.operation: …`.
    """
    try:
        found = document.find(entry.operation)
        imported = import_operation(document, found)
    except UnknownOperation as error:
        raise ManifestError(f".operation: {error}") from None
    except Unimportable as error:
        raise ManifestError(
            f".operation: {entry.operation} can't be served exactly: {error}; take the tool out"
        ) from None
    imported = _bind(entry, document, imported)
    bound = dict(entry.bind)
    root: dict[str, Any] = {
        "type": "object",
        "properties": {k: v for k, v in imported.properties.items() if k not in bound},
        "required": [key for key in imported.required if key not in bound],
        "additionalProperties": False,
    }
    if not root["required"]:
        del root["required"]
    try:
        schema = document.schemas.publish(root)
        validate = compile_validator(schema)
    except (UnusableSchema, ValueError) as error:
        raise ManifestError(f".operation: {entry.operation}: {error}; take the tool out") from None
    safe = found.method in _SAFE
    read_only = _or(entry.read_only, safe)
    kind, other = ("read", "write") if read_only else ("write", "read")
    # Consent to `@read`, or to the scope, must never let a change through.
    if other in (entry.toolsets or ()):
        raise ManifestError(
            f".toolsets: {other!r} is for tools that {'change' if read_only else 'only read'}"
        )
    if entry.scope == READ and not read_only:
        raise ManifestError(f".scope: {READ} is for reading; set {WRITE}, or `read_only: true`")
    title = entry.title or found.summary or entry.name.replace("_", " ").capitalize()
    return Tool(
        name=entry.name,
        title=title,
        description=entry.description or found.description or found.summary or title,
        scope=entry.scope or (READ if read_only else WRITE),
        toolsets=tuple(dict.fromkeys([*(entry.toolsets or ()), kind])),
        read_only=read_only,
        destructive=_or(entry.destructive, found.method == "DELETE" and not read_only),
        idempotent=_or(entry.idempotent, safe or found.method in {"PUT", "DELETE"}),
        input_schema=schema,
        bindings=bound,
        operation=imported.operation,
        deadline=entry.deadline,
        validate=validate,
    )


def _bind(
    entry: ToolEntry, document: OpenApiDocument, imported: ImportedOperation
) -> ImportedOperation:
    """Check the bindings, and take out the tenant headers that no claim fills."""
    bound = dict(entry.bind)
    for argument, claim in entry.bind:
        if argument not in imported.properties:
            near = difflib.get_close_matches(argument, imported.properties, n=3, cutoff=0.5)
            hint = (
                f"did you mean {' or '.join(near)}?"
                if near
                else "it has " + (", ".join(sorted(imported.properties)) or "none")
            )
            raise ManifestError(f".bind.{argument}: the operation has no such argument; {hint}")
        kinds = document.schemas.types(imported.properties[argument])
        in_path = {p.argument for p in imported.operation.parameters}
        if argument not in in_path and not kinds & {"string", "array"}:
            raise ManifestError(
                f".bind.{argument}: the claim {claim} is text, the upstream wants "
                f"{' or '.join(sorted(kinds))} in its body"
            )
    unbound = imported.bind_only - bound.keys()
    for argument in sorted(unbound):
        if argument in imported.required:
            raise ManifestError(
                f".bind.{argument}: the upstream requires this header and no model may set it; "
                f"bind it to a claim, as `bind: {{{argument}: tenant_id}}`"
            )
    return imported.without_parameters(unbound)


def claim_problem(claim: object) -> str | None:
    """Say what is wrong with a binding's claim; None where nothing is."""
    if isinstance(claim, str):
        if claim in _CLAIMS:
            return None
        prefix, _, kind = claim.partition(".")
        if prefix == "data_scope" and _is_kind(kind):
            return None
    return f"{claim!r} is no claim; write {', '.join(_CLAIMS)} or data_scope.KIND"


def _is_kind(text: str) -> bool:
    try:
        return parse_data_scope(f"{text}:any").kinds.keys() == {text}
    except MalformedDataScope:
        return False


# Keys and their checks: each answers what is wrong, with the fix, or None.


def _version(value: Any) -> str | None:
    return None if value == 1 and not isinstance(value, bool) else "must be 1"


def _words(most: int) -> _Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str) or not tidy_text(value):
            return "must be text that is not empty"
        return None if len(value) <= most else f"must be at most {most} characters"

    return check


def _scope(value: Any) -> str | None:
    return None if value in {READ, WRITE, ADMIN} else f"must be {READ}, {WRITE} or {ADMIN}"


def _toolsets(value: Any) -> str | None:
    if isinstance(value, list) and all(
        isinstance(item, str) and TOOL_NAME.fullmatch(item) for item in value
    ):
        return None
    return "must be a list of names (letters, digits, _ and -), written without @"


def _bindings(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "must be a mapping of argument to claim, as `org_id: tenant_id`"
    return next((p for claim in value.values() if (p := claim_problem(claim))), None)


def _deadline(value: Any) -> str | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 < value <= _LONGEST_DEADLINE:
        return None
    return f"must be a number of seconds above 0 and up to {_LONGEST_DEADLINE:g}"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


_TOOL_KEYS: Mapping[str, _Check] = {
    "title": _words(200),
    "description": _words(8000),
    "scope": _scope,
    "toolsets": _toolsets,
    "bind": _bindings,
    "deadline": _deadline,
    "read_only": _flag,
    "destructive": _flag,
    "idempotent": _flag,
    "expose": _flag,
}


def _check(source: Mapping[str, Any], required: Mapping[str, _Check], *others: str) -> list[str]:
    """Check the required keys, and that there are no others than those named."""
    problems = [
        f"{key}: missing" if key not in source else f"{key}: {problem}"
        for key, check in required.items()
        if (problem := check(source.get(key)))
    ]
    known = [*required, *others]
    for key in source:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            problems.append(f"{key}: unknown key; {hint}")
    return problems


def _check_tool(name: str, value: Any) -> list[str]:
    problems: list[str] = []
    if not TOOL_NAME.fullmatch(name):
        problems.append(": a tool's name is 1 to 64 letters, digits, _ and -")
    if not isinstance(value, dict):
        return [*problems, ": must be a mapping with at least `operation`"]
    given = {key: check for key, check in _TOOL_KEYS.items() if key in value}
    found = _check(value, {"operation": _words(2000), **given}, *_TOOL_KEYS)
    return [*problems, *(f".{problem}" for problem in found)]


def _entry(name: str, value: Mapping[str, Any]) -> ToolEntry:
    title, description = value.get("title"), value.get("description")
    toolsets = value.get("toolsets")
    return ToolEntry(
        name=name,
        operation=value["operation"],
        title=None if title is None else tidy_text(title),
        description=None if description is None else tidy_text(description),
        scope=value.get("scope"),
        toolsets=None if toolsets is None else tuple(toolsets),
        bind=tuple(value.get("bind", {}).items()),
        deadline=float(value.get("deadline", DEADLINE)),
        read_only=value.get("read_only"),
        destructive=value.get("destructive"),
        idempotent=value.get("idempotent"),
        expose=value.get("expose", True),
    )


def _or(decided: bool | None, default: bool) -> bool:
    return default if decided is None else decided


def _raise_all(problems: list[str]) -> None:
    if problems:
        more = len(problems) - _MOST_SHOWN
        shown = [*problems[:_MOST_SHOWN], *([f"and {more} more problems"] if more > 0 else [])]
        raise ManifestError("\n".join(shown))
