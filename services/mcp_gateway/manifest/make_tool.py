"""Make a tool from its manifest entry and the OpenAPI document."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from gatepost.scopes import READ, WRITE
from mcp_gateway.catalogue.graphql import GraphqlQuery
from mcp_gateway.catalogue.tool import FormerName, Lifecycle, Shape, Tool
from mcp_gateway.catalogue.validation import make_validator
from mcp_gateway.documents.tool_list import MIRRORED
from mcp_gateway.manifest.composing.compose import UnusableCalls, compose_calls, highest_scope
from mcp_gateway.manifest.entries import ManifestError, ToolEntry
from mcp_gateway.manifest.former import UnusableFormerName, make_former_name
from mcp_gateway.manifest.graphql import UnusableQuery, import_query
from mcp_gateway.manifest.hidden_arguments import bind_arguments, fill_arguments
from mcp_gateway.manifest.paging import name_pages
from mcp_gateway.manifest.read_inputs import input_problems
from mcp_gateway.manifest.slashes import allow_slashes
from mcp_gateway.openapi.argument_builder import Unimportable
from mcp_gateway.openapi.arguments import ImportedOperation, import_operation
from mcp_gateway.openapi.document import (
    SAFE_METHODS,
    FoundOperation,
    OpenApiDocument,
    UnknownOperation,
)
from mcp_gateway.openapi.effects import destroys
from mcp_gateway.openapi.operation_titles import title_operation
from mcp_gateway.openapi.responses import find_answer
from mcp_gateway.results.content import MOST_BYTES, CompiledShape
from mcp_gateway.results.edit import compile_edit
from mcp_gateway.results.fields import EACH, format_field
from mcp_gateway.results.instructions import InstructionGuard
from mcp_gateway.results.output import Output
from mcp_gateway.results.pagination import Pagination
from mcp_gateway.schemas.answers import AnswerSchemas, Kept
from mcp_gateway.schemas.keywords import UnusableSchema


def make_tool(
    entry: ToolEntry,
    document: OpenApiDocument,
    hosts: Collection[str] = (),
    guard: InstructionGuard = "off",
) -> Tool:
    """Combine a manifest entry with the operation that it names.

    Args:
        entry: the tool's entry in the manifest.
        document: the document with its operation.
        hosts: hosts to which an operation with its own server may be sent.
        guard: the default handling of instructions in answers.

    Raises:
        ManifestError: the entry can't be served; the message begins with the key, as in
            `.operation: …`.
    """
    query, imported = _import(entry, document, hosts)
    imported = bind_arguments(entry, document, imported)
    imported = fill_arguments(entry, document, imported)
    key = "operation" if query is None else "graphql"
    bound = dict(entry.bind)
    _require_arguments(entry, imported.properties.keys() - bound.keys())
    imported = allow_slashes(entry, document, imported)
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
        validate = make_validator(schema)
        validate_all = make_validator({**schema, "required": needed}) if asked else validate
    except (UnusableSchema, ValueError) as error:
        what = entry.operation or "its variables"
        raise ManifestError(f".{key}: {what}: {error}; remove the tool") from None
    found = imported.found
    operation = imported.operation
    safe = found.method in SAFE_METHODS if query is None else query.read_only
    read_only = _or(entry.read_only, safe)
    toolset = _require_honest_consent(entry, read_only=read_only)
    title = entry.title or title_operation(found) or entry.name_in_words
    description = entry.description or found.description or found.summary or title
    if document.is_mcp:
        # The method decides whether a call may be sent again, which a person reviewed.
        operation = replace(operation, method="QUERY" if read_only else "POST")
    return Tool(
        name=entry.name,
        title=title,
        description=description + _farewell(entry.lifecycle),
        scope=entry.scope or (READ if read_only else WRITE),
        toolsets=tuple(dict.fromkeys([*(entry.toolsets or ()), toolset])),
        read_only=read_only,
        destructive=_or(entry.destructive, not read_only and destroys(found)),
        idempotent=_or(entry.idempotent, read_only or found.method in {"PUT", "DELETE"}),
        open_world=entry.open_world,
        input_schema=schema,
        bindings=bound,
        fill=entry.fill,
        operation=operation,
        deadline=entry.deadline,
        validate=validate,
        checks=entry.checks,
        shape=entry.shape,
        compiled_shape=replace(_compile(entry.shape, pages, guard), for_app=entry.output),
        output=describe_output(entry, document, found, paged=pages is not None),
        limits=entry.limits,
        billing=entry.billing,
        confirm=_question(entry.confirm, title),
        approval=entry.approval,
        lifecycle=entry.lifecycle,
        api=entry.api,
        graphql=query,
        remote=(found.operation_id or "") if document.is_mcp else "",
        remote_headers=_mirrored_upstream(imported),
        inputs=entry.inputs,
        validate_all=validate_all,
        slow=entry.slow,
        mirror=dict(entry.mirror),
        former=name_former(entry, schema),
        icons=entry.icons,
    )


def make_composite(
    entry: ToolEntry, tools: Mapping[str, Tool], guard: InstructionGuard = "off"
) -> Tool:
    """Combine the manifest entry of a composite tool with the tools that it calls.

    Args:
        entry: the tool's entry in the manifest.
        tools: every tool of the manifest that is not composite itself, also those that are not exposed.
        guard: the default handling of instructions in answers.

    Raises:
        ManifestError: the entry can't be served; the message begins with the key.
    """
    assert entry.composite is not None and entry.description is not None  # noqa: S101 - loading checked it
    try:
        parts = compose_calls(entry.composite, tools, entry.billing)
    except UnusableCalls as problem:
        raise ManifestError(str(problem)) from None
    called = parts.tools
    read_only = all(tool.read_only for tool in called)
    toolset = _require_honest_consent(entry, read_only=read_only)
    scope = highest_scope([*(tool.scope for tool in called), entry.scope or READ])
    if scope is None or (entry.scope is not None and entry.scope != scope):
        needed = ", ".join(sorted({tool.scope for tool in called}))
        raise ManifestError(f".scope: must include the scopes of the called tools: {needed}")
    try:
        validate = make_validator(parts.input_schema)
    except (UnusableSchema, ValueError) as error:
        raise ManifestError(f".input: {error}") from None
    _require_members(entry.shape, parts.composite.result)
    title = entry.title or entry.name_in_words
    asks = any(tool.confirm is not None for tool in called)
    guards = [tool.compiled_shape.guard for tool in called]
    strictest = max([guard, *guards], key=("off", "report", "block").index)
    titles = ", ".join(parts.composite.titles)
    told = f"\n\nMakes these calls in order: {titles}."
    return Tool(
        name=entry.name,
        title=title,
        description=entry.description + told + _farewell(entry.lifecycle),
        scope=scope,
        toolsets=tuple(dict.fromkeys([*(entry.toolsets or ()), toolset])),
        read_only=read_only,
        destructive=any(tool.destructive for tool in called),
        idempotent=all(tool.idempotent for tool in called),
        open_world=any(tool.open_world for tool in called),
        input_schema=parts.input_schema,
        bindings={},
        operation=parts.operation,
        deadline=entry.deadline,
        validate=validate,
        shape=entry.shape,
        compiled_shape=_compile(entry.shape, None, strictest),
        limits=entry.limits,
        billing=parts.billing,
        confirm=_question(entry.confirm or asks, f"{title} ({titles})"),
        approval=entry.approval or any(tool.approval for tool in called),
        lifecycle=entry.lifecycle,
        slow=entry.slow,
        api=entry.api,
        former=name_former(entry, parts.input_schema),
        icons=entry.icons,
        composite=parts.composite,
    )


def name_former(entry: ToolEntry, schema: Mapping[str, Any]) -> tuple[FormerName, ...]:
    """Make the former names of a tool with this input schema.

    Raises:
        ManifestError: one of them can't be served.
    """
    made: list[FormerName] = []
    for place, former in enumerate(entry.former):
        try:
            made.append(make_former_name(former, schema))
        except UnusableFormerName as problem:
            raise ManifestError(f".former[{place}]{problem}") from None
    return tuple(made)


def describe_output(
    entry: ToolEntry, document: OpenApiDocument, found: FoundOperation, *, paged: bool
) -> Output | None:
    """Return the output schema of a tool; None if its entry publishes none.

    Raises:
        ManifestError: the tool can't have one; the message begins with the key.
    """
    if not entry.output:
        return None
    others = {"app": entry.app, "task": entry.task, "graphql": entry.graphql}
    for key, value in others.items():
        if value is not None:
            raise ManifestError(f".output: can't be published beside `{key}`; remove one of them")
    kept = Kept(entry.shape.fields or None, entry.shape.redact)
    try:
        answers = AnswerSchemas(document.references, each=EACH)
        source = find_answer(document, found)
        schema, name, kinds = answers.publish(source, kept, paged=paged)
    except UnusableSchema as problem:
        raise ManifestError(f".output: {problem}; remove it") from None
    return Output.of(schema, name, frozenset(kinds))


def _compile(shape: Shape, pages: Pagination | None, guard: InstructionGuard) -> CompiledShape:
    return CompiledShape(
        edit=compile_edit(shape.fields, shape.redact),
        pages=pages,
        most_bytes=shape.most_bytes or MOST_BYTES,
        guard=shape.guard or guard,
    )


def _mirrored_upstream(imported: ImportedOperation) -> dict[str, str]:
    """Return the arguments that an MCP server wants repeated in headers, with the names."""
    names: Mapping[str, str] = imported.found.node.get(MIRRORED, {})
    body = imported.operation.body
    if not names or body is None:
        return {}
    return {key: names[name] for key, name in body.properties.items() if name in names}


def _mirror(entry: ToolEntry, schema: Mapping[str, Any]) -> None:
    """Mark in the schema the arguments that clients repeat as headers (2026-07-28 tools)."""
    names: set[str] = set()
    for argument, name in entry.mirror:
        shown = schema["properties"].get(argument)
        if shown is None:
            known = ", ".join(sorted(schema["properties"])) or "none"
            raise ManifestError(f".mirror.{argument}: no such argument; it has {known}")
        if shown.get("type") not in ("string", "integer", "boolean"):
            raise ManifestError(
                f".mirror.{argument}: only strings, integers and booleans can be mirrored"
            )
        if name.lower() in names:
            raise ManifestError(f".mirror.{argument}: the header {name} is used twice")
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
            f".operation: {entry.operation} can't be served exactly: {error}; remove the tool"
        ) from None


def _require_honest_consent(entry: ToolEntry, *, read_only: bool) -> str:
    """Return `read` or `write`; consent to `@read` or the read scope must never allow a change."""
    kind, other = ("read", "write") if read_only else ("write", "read")
    if other in (entry.toolsets or ()):
        raise ManifestError(
            f".toolsets: {other!r} is for tools that {'change' if read_only else 'only read'}"
        )
    if entry.scope == READ and not read_only:
        raise ManifestError(f".scope: {READ} is for reading; set {WRITE}, or `read_only: true`")
    if read_only and entry.destructive:
        raise ManifestError(
            ".destructive: a tool that only reads can't be destructive; remove one of the two"
        )
    return kind


def _named_elsewhere(entry: ToolEntry) -> set[str]:
    """Return the arguments that other keys of the entry name."""
    asked = {name for questions in entry.inputs for q in questions for name in q.arguments}
    return asked | dict(entry.bind).keys() | dict(entry.mirror).keys()


def _require_arguments(entry: ToolEntry, properties: Collection[str]) -> None:
    paging = entry.shape.paging
    named = {} if paging is None else {"argument": paging.argument, "size": paging.size}
    for key, argument in named.items():
        if argument is not None and argument not in properties:
            known = ", ".join(sorted(properties)) or "none"
            raise ManifestError(f".shape.paging.{key}: no argument {argument!r}; it has {known}")


def _require_members(shape: Shape, members: Collection[str]) -> None:
    """Refuse a field that the answer of a composite tool never has, which would redact nothing."""
    for key, fields in (("fields", shape.fields), ("redact", shape.redact)):
        for field in fields:
            if field[0] not in members:
                known = ", ".join(members)
                raise ManifestError(
                    f".shape.{key}: {format_field(field)} is not in the answer; it has {known}"
                )


def _question(confirm: bool | str, title: str) -> str | None:
    return confirm if isinstance(confirm, str) else f"Allow this: {title}?" if confirm else None


def _farewell(lifecycle: Lifecycle) -> str:
    """Return the deprecation notice for the model, with the tool to use instead."""
    if not lifecycle.deprecated:
        return ""
    use = f" Use {lifecycle.replaced_by} instead." if lifecycle.replaced_by else ""
    until = f" It is served until {lifecycle.sunset}." if lifecycle.sunset else ""
    return f"\n\nDeprecated.{use}{until}"


def _or(decided: bool | None, default: bool) -> bool:
    return default if decided is None else decided
