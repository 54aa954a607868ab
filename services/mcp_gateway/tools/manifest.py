"""The manifest `tools.yaml`: the reviewed source of truth for what a gateway serves.

It names operations of the OpenAPI document beside it and says what a person decided about each.
Nothing it doesn't name is served; whatever it names must be servable exactly, or loading fails with
every problem found, each naming file, tool, key and the fix.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gatepost.document import DocumentError, read_document
from gatepost.scopes import READ, WRITE
from mcp_gateway.shaping.content import MOST_BYTES, Shaping
from mcp_gateway.shaping.edit import compile_edit
from mcp_gateway.shaping.instructions import Guard
from mcp_gateway.shaping.pages import Pages
from mcp_gateway.tools.arguments import ImportedOperation, import_operation
from mcp_gateway.tools.catalogue import Catalogue
from mcp_gateway.tools.discovery import META_TOOLS
from mcp_gateway.tools.draft import Unimportable
from mcp_gateway.tools.fields import parse_field
from mcp_gateway.tools.graphql import GraphqlEntry, GraphqlQuery, UnusableQuery, import_query
from mcp_gateway.tools.inputs import Inputs, input_problems, read_inputs
from mcp_gateway.tools.manifest_schema import date_of, manifest_problems
from mcp_gateway.tools.openapi import (
    SAFE_METHODS,
    OpenApiDocument,
    UnknownOperation,
    load_openapi,
    read_openapi,
)
from mcp_gateway.tools.pages import name_pages
from mcp_gateway.tools.prompts import (
    Prompt,
    Resource,
    ResourceTemplate,
    offer_problems,
    read_prompts,
    read_resources,
)
from mcp_gateway.tools.schemas import UnusableSchema
from mcp_gateway.tools.texts import tidy_text
from mcp_gateway.tools.titles import title_operation
from mcp_gateway.tools.tool import Lifecycle, Limits, Paging, ResponseCheck, Shape, Tool
from mcp_gateway.tools.validation import compile_validator

DEADLINE = 30.0
_MOST_SHOWN = 20


class ManifestError(Exception):
    """The manifest can't be served; the message lists each problem and how to fix it."""


@dataclass(frozen=True, slots=True)
class ToolEntry:
    """What the manifest says about one tool; None where it leaves the default."""

    name: str
    operation: str
    """Empty where `graphql` is set."""
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
    checks: tuple[ResponseCheck, ...] = ()
    shape: Shape = field(default_factory=Shape)
    limits: Limits = field(default_factory=Limits)
    cost: int = 1
    confirm: bool | str = False
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    graphql: GraphqlEntry | None = None
    inputs: Inputs = ()
    mirror: tuple[tuple[str, str], ...] = ()
    slow: bool = False
    slashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed `tools.yaml`."""

    path: Path
    name: str
    openapi: Path | None
    hosts: tuple[str, ...]
    search_above: int | None
    guard: Guard
    tools: tuple[ToolEntry, ...]
    prompts: tuple[Prompt, ...]
    resources: tuple[Resource, ...]
    templates: tuple[ResourceTemplate, ...]
    files: tuple[Path, ...]
    """What it names beside itself: the OpenAPI document and files of resources."""


def load_catalogue(path: Path) -> Catalogue:
    """Read a manifest and its OpenAPI document into the catalogue to serve, whole or not at all.

    Args:
        path: the `tools.yaml`; `openapi` in it is a path from where it lies.

    Raises:
        ManifestError: listing everything that must be fixed.
    """
    manifest = load_manifest(path)
    return make_catalogue(manifest, load_document(manifest))


def make_catalogue(manifest: Manifest, document: OpenApiDocument) -> Catalogue:
    """Join a manifest with its document.

    Raises:
        ManifestError: listing everything that must be fixed.
    """
    tools: list[Tool] = []
    problems: list[str] = []
    for entry in manifest.tools:
        if entry.expose:
            try:
                tools.append(make_tool(entry, document, manifest.hosts, manifest.guard))
            except ManifestError as error:
                problems.append(f"{manifest.path}: tools.{entry.name}{error}")
    by_name = {tool.name: tool for tool in tools}
    for template in manifest.templates:
        where = f"{manifest.path}: resources.{template.name}"
        if (reader := by_name.get(template.tool)) is None:
            continue
        if not reader.read_only:
            problems.append(f"{where}.tool: {reader.name} changes something; name one that reads")
        unknown = [
            name for name in template.variables if name not in reader.input_schema["properties"]
        ]
        problems += [f"{where}.uri: {reader.name} has no argument {name}" for name in unknown]
    _raise_all(problems)
    return Catalogue.of(
        manifest.name,
        tools,
        prompts=manifest.prompts,
        resources=manifest.resources,
        templates=manifest.templates,
        search_above=manifest.search_above,
        schemes=document.credentials,
    )


def load_document(manifest: Manifest) -> OpenApiDocument:
    """Read the OpenAPI document beside a manifest; one without operations where it names none.

    Raises:
        ManifestError: it can't be read, or is no OpenAPI document.
    """
    if manifest.openapi is None:
        return read_openapi({"openapi": "3.1.0", "paths": {}})
    try:
        return load_openapi(manifest.openapi)
    except DocumentError as error:
        raise ManifestError(f"{manifest.path}: openapi: {manifest.openapi} {error}") from None


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest, without its OpenAPI document.

    Raises:
        ManifestError: listing everything that must be fixed.
    """
    try:
        source = read_document(path)
    except DocumentError as error:
        raise ManifestError(f"{path}: {error}") from None
    problems = manifest_problems(source)
    _raise_all([f"{path}: {problem}" for problem in problems])
    resources, templates, problems = read_resources(source.get("resources", {}), path.parent)
    prompts, more = read_prompts(source.get("prompts", {}))
    problems = [*problems, *more, *offer_problems(source), *_contradictions(source)]
    _raise_all([f"{path}: {problem}" for problem in problems])
    return Manifest(
        path=path,
        name=tidy_text(source["name"]),
        openapi=path.parent / source["openapi"] if "openapi" in source else None,
        hosts=tuple(host.lower() for host in source.get("hosts", ())),
        search_above=source.get("search_above"),
        guard=source.get("guard", "off"),
        tools=tuple(_entry(name, value) for name, value in source["tools"].items()),
        prompts=prompts,
        resources=resources,
        templates=templates,
        files=tuple(_files(source, path.parent)),
    )


def make_tool(
    entry: ToolEntry,
    document: OpenApiDocument,
    hosts: Collection[str] = (),
    guard: Guard = "off",
) -> Tool:
    """Join what the manifest decides with what the document describes.

    Args:
        entry: what the manifest says of the tool.
        document: where its operation is.
        hosts: hosts that an operation with a server of its own may be sent to.
        guard: what becomes of instructions in answers, where the entry doesn't say.

    Raises:
        ManifestError: the text begins with the key, as `.operation: …`.
    """
    query, imported = _import(entry, document, hosts)
    imported = _bind(entry, document, imported)
    key = "operation" if query is None else "graphql"
    bound = dict(entry.bind)
    _require_arguments(entry, imported.properties.keys() - bound.keys())
    imported = _allow_slashes(entry, document, imported)
    imported, pages = name_pages(imported, entry.shape.paging, _named_elsewhere(entry))
    for problem in input_problems(entry.inputs, imported.properties.keys() - bound.keys()):
        raise ManifestError(problem)
    asked = {name for questions in entry.inputs for q in questions for name in q.arguments}
    needed = [key for key in imported.required if key not in bound]
    root: dict[str, Any] = {
        "type": "object",
        "properties": {k: v for k, v in imported.properties.items() if k not in bound},
        "required": [key for key in needed if key not in asked],
        "additionalProperties": False,
    }
    if not root["required"]:
        del root["required"]
    try:
        schema = document.schemas.publish(root)
        _mirror(entry, schema)
        validate = compile_validator(schema)
        validate_all = compile_validator({**schema, "required": needed}) if asked else validate
    except (UnusableSchema, ValueError) as error:
        what = entry.operation or "its variables"
        raise ManifestError(f".{key}: {what}: {error}; take the tool out") from None
    found = imported.found
    safe = found.method in SAFE_METHODS if query is None else query.read_only
    read_only = _or(entry.read_only, safe)
    toolset = _require_honest_consent(entry, read_only=read_only)
    title = entry.title or title_operation(found) or entry.name.replace("_", " ").capitalize()
    description = entry.description or found.description or found.summary or title
    return Tool(
        name=entry.name,
        title=title,
        description=description + _farewell(entry.lifecycle),
        scope=entry.scope or (READ if read_only else WRITE),
        toolsets=tuple(dict.fromkeys([*(entry.toolsets or ()), toolset])),
        read_only=read_only,
        destructive=_or(entry.destructive, found.method == "DELETE" and not read_only),
        idempotent=_or(entry.idempotent, safe or found.method in {"PUT", "DELETE"}),
        input_schema=schema,
        bindings=bound,
        operation=imported.operation,
        deadline=entry.deadline,
        validate=validate,
        checks=entry.checks,
        shape=entry.shape,
        shaping=_compile(entry.shape, pages, guard),
        limits=entry.limits,
        cost=entry.cost,
        confirm=_question(entry.confirm, title),
        lifecycle=entry.lifecycle,
        graphql=query,
        inputs=entry.inputs,
        validate_all=validate_all,
        slow=entry.slow,
        mirror=dict(entry.mirror),
    )


def _allow_slashes(
    entry: ToolEntry, document: OpenApiDocument, imported: ImportedOperation
) -> ImportedOperation:
    """Let values at the end of the path be paths, where that reaches no other operation."""
    if not entry.slashes:
        return imported
    operation = imported.operation
    for argument in entry.slashes:
        where = f".slashes.{argument}"
        named = next((p for p in operation.parameters if p.argument == argument), None)
        if named is None or named.location != "path" or named.style != "simple":
            raise ManifestError(f"{where}: no plain argument of the path; take it out")
        if not operation.path.endswith(f"/{{{named.name}}}"):
            raise ManifestError(f"{where}: something follows it in the path; take it out")
        folder = _shape_of(operation.path).removesuffix("{}")
        for other in document.operations:
            tail = _shape_of(other.path).removeprefix(folder)
            if "/" in tail and len(tail) < len(_shape_of(other.path)):
                raise ManifestError(f"{where}: a value could reach {other.key}; take it out")
    parameters = tuple(
        replace(p, slashes=p.argument in entry.slashes) for p in operation.parameters
    )
    return replace(imported, operation=replace(operation, parameters=parameters))


def _shape_of(path: str) -> str:
    """Write a path template without the names of its parts."""
    return re.sub(r"\{[^{}]*\}", "{}", path)


def _compile(shape: Shape, pages: Pages | None, guard: Guard) -> Shaping:
    return Shaping(
        edit=compile_edit(shape.fields, shape.redact),
        pages=pages,
        most_bytes=shape.most_bytes or MOST_BYTES,
        guard=shape.guard or guard,
    )


def _mirror(entry: ToolEntry, schema: Mapping[str, Any]) -> None:
    """Write into the schema which arguments clients repeat as headers (2026-07-28 tools)."""
    names: set[str] = set()
    for argument, name in entry.mirror:
        shown = schema["properties"].get(argument)
        if shown is None:
            known = ", ".join(sorted(schema["properties"])) or "none"
            raise ManifestError(f".mirror.{argument}: no such argument; it has {known}")
        if shown.get("type") not in ("string", "integer", "boolean"):
            raise ManifestError(f".mirror.{argument}: only texts, whole numbers, true and false")
        if name.lower() in names:
            raise ManifestError(f".mirror.{argument}: the header {name} stands twice")
        names.add(name.lower())
        shown["x-mcp-header"] = name


def _import(
    entry: ToolEntry, document: OpenApiDocument, hosts: Collection[str]
) -> tuple[GraphqlQuery | None, ImportedOperation]:
    try:
        if entry.graphql is not None:
            return import_query(entry.graphql)
        return None, import_operation(document, document.find(entry.operation), hosts)
    except UnusableQuery as error:
        raise ManifestError(f".graphql.query: {error}") from None
    except UnknownOperation as error:
        raise ManifestError(f".operation: {error}") from None
    except Unimportable as error:
        raise ManifestError(
            f".operation: {entry.operation} can't be served exactly: {error}; take the tool out"
        ) from None


def _require_honest_consent(entry: ToolEntry, *, read_only: bool) -> str:
    """Answer `read` or `write`; consent to `@read`, or to the scope, must never let a change in."""
    kind, other = ("read", "write") if read_only else ("write", "read")
    if other in (entry.toolsets or ()):
        raise ManifestError(
            f".toolsets: {other!r} is for tools that {'change' if read_only else 'only read'}"
        )
    if entry.scope == READ and not read_only:
        raise ManifestError(f".scope: {READ} is for reading; set {WRITE}, or `read_only: true`")
    if read_only and entry.destructive:
        raise ManifestError(".destructive: what only reads destroys nothing; take one of the two")
    return kind


def _named_elsewhere(entry: ToolEntry) -> set[str]:
    """Name the arguments that other keys of the manifest speak of."""
    asked = {name for questions in entry.inputs for q in questions for name in q.arguments}
    return asked | dict(entry.bind).keys() | dict(entry.mirror).keys()


def _require_arguments(entry: ToolEntry, properties: Collection[str]) -> None:
    paging = entry.shape.paging
    named = {} if paging is None else {"argument": paging.argument, "size": paging.size}
    for key, argument in named.items():
        if argument is not None and argument not in properties:
            known = ", ".join(sorted(properties)) or "none"
            raise ManifestError(f".shape.paging.{key}: no argument {argument!r}; it has {known}")


def _question(confirm: bool | str, title: str) -> str | None:
    return confirm if isinstance(confirm, str) else f"Allow this: {title}?" if confirm else None


def _farewell(lifecycle: Lifecycle) -> str:
    """Tell the model that a tool is on its way out, and what to use."""
    if not lifecycle.deprecated:
        return ""
    use = f" Use {lifecycle.replaced_by} instead." if lifecycle.replaced_by else ""
    until = f" It is served until {lifecycle.sunset}." if lifecycle.sunset else ""
    return f"\n\nDeprecated.{use}{until}"


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


def _contradictions(source: Mapping[str, Any]) -> Iterator[str]:
    """Find what fits the form and makes no sense: keys that only mean something together."""
    tools: Mapping[str, Any] = source["tools"]
    for name, value in tools.items():
        where = f"tools.{name}"
        if "operation" in value and "openapi" not in source:
            yield f"{where}.operation: there is no OpenAPI document; add `openapi` at the top"
        if "search_above" in source and name in META_TOOLS:
            yield f"{where}: the name is taken by search_above; give the tool another"
        if "sunset" in value and date_of(value["sunset"]) is None:
            yield f"{where}.sunset: must be a day of the calendar, as 2027-06-30"
        if "replaced_by" in value:
            other = value["replaced_by"]
            if other == name or not tools.get(other, {}).get("expose", True):
                yield f"{where}.replaced_by: {other} is not another tool that is exposed"
            elif other not in tools:
                near = difflib.get_close_matches(other, tools, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                yield f"{where}.replaced_by: there is no tool {other}{hint}"
        if {"sunset", "replaced_by"} & value.keys() and value.get("deprecated") is False:
            yield f"{where}.deprecated: what has a sunset or a replacement is deprecated"


def _entry(name: str, value: Mapping[str, Any]) -> ToolEntry:
    title, description = value.get("title"), value.get("description")
    toolsets = value.get("toolsets")
    shape = value.get("shape", {})
    sunset = value.get("sunset")
    return ToolEntry(
        name=name,
        operation=value.get("operation", ""),
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
        checks=tuple(
            ResponseCheck(parse_field(place), claim)
            for place, claim in value.get("check", {}).items()
        ),
        shape=Shape(
            fields=tuple(parse_field(place) for place in shape.get("fields", ())),
            redact=tuple(parse_field(place) for place in shape.get("redact", ())),
            paging=_paging(shape.get("paging")),
            most_bytes=shape.get("most_bytes"),
            guard=shape.get("guard"),
        ),
        limits=Limits(**value.get("limits", {})),
        cost=value.get("cost", 1),
        confirm=value.get("confirm", False),
        lifecycle=Lifecycle(
            version=value.get("version"),
            deprecated=bool(value.get("deprecated") or sunset or "replaced_by" in value),
            sunset=None if sunset is None else date_of(sunset),
            replaced_by=value.get("replaced_by"),
        ),
        graphql=None if "graphql" not in value else GraphqlEntry(**value["graphql"]),
        inputs=read_inputs(value.get("inputs", [])),
        mirror=tuple(value.get("mirror", {}).items()),
        slow=value.get("slow", False),
        slashes=tuple(value.get("slashes", ())),
    )


def _files(source: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    named = [source, *source.get("resources", {}).values()]
    yield from (
        folder / value[key] for value in named for key in ("openapi", "file") if key in value
    )


def _paging(value: Mapping[str, Any] | None) -> Paging | None:
    return None if value is None else Paging(**{**value, "next": parse_field(value["next"])})


def _or(decided: bool | None, default: bool) -> bool:
    return default if decided is None else decided


def _raise_all(problems: list[str]) -> None:
    if problems:
        more = len(problems) - _MOST_SHOWN
        shown = [*problems[:_MOST_SHOWN], *([f"and {more} more problems"] if more > 0 else [])]
        raise ManifestError("\n".join(shown))
