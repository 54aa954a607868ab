"""Turn parameters of the path, the query, headers and cookies into arguments."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mcp_gateway.openapi.argument_builder import (
    FLAT,
    STYLES,
    ArgumentBuilder,
    Unimportable,
    described,
)
from mcp_gateway.openapi.document import FoundOperation, OpenApiDocument
from mcp_gateway.openapi.service_headers import is_service_header, is_tenant_header
from mcp_gateway.requests.bodies import is_json
from mcp_gateway.requests.operation import Location, Parameter
from mcp_gateway.requests.serialise import PLACEHOLDER
from mcp_gateway.schemas.all_of import merge
from mcp_gateway.schemas.budget import Schema

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")  # RFC 9110 §5.6.2
_IDEMPOTENCY = re.compile(r"(?:x-)?(?:[a-z]+-)?idempotency-?(?:key|token|id)", re.IGNORECASE)


def add_parameters(
    document: OpenApiDocument, found: FoundOperation, builder: ArgumentBuilder
) -> None:
    """Add the declared parameters, without credentials and the gateway's own headers.

    Raises:
        Unimportable: a required parameter can't be written exactly.
    """
    credentials = {
        (scheme.kind, scheme.name.lower() if scheme.kind == "header" else scheme.name)
        for scheme in document.security_schemes.values()
    }
    sources: dict[tuple[str, str], dict[str, Any]] = {}
    for owner in (found.path_item, found.node):
        listed = document.references.follow(owner.get("parameters")) or []
        if not isinstance(listed, list):
            raise Unimportable("its parameters are not a list")
        for source in listed:
            parameter = document.references.follow(source)
            if not isinstance(parameter, dict):
                raise Unimportable("a parameter is not an object")
            name, location = parameter.get("name"), parameter.get("in")
            if not isinstance(name, str) or not name or not isinstance(location, str):
                raise Unimportable("a parameter does not have a name or a location (`in`)")
            if location not in STYLES:
                place = f"parameter {name[:80]!r} is in {location[:40]!r}"
                if parameter.get("required") is True or location in {"body", "formData"}:
                    raise Unimportable(f"the {place}, which is not supported")
                builder.notes.append(f"the optional {place} and was left out")
                continue
            key = name.lower() if location == "header" else name
            sources[(location, key)] = parameter  # The operation's parameters override the path's.
    order: tuple[Location, ...] = ("path", "query", "header", "cookie")
    for location in order:
        for (where, key), parameter in sources.items():
            if where != location:
                continue
            if (location, key) in credentials:
                continue
            if location == "header" and is_service_header(key) and not is_tenant_header(key):
                continue
            _add_parameter(document, found, parameter, location, builder)


def _add_parameter(
    document: OpenApiDocument,
    found: FoundOperation,
    source: Mapping[str, Any],
    location: Location,
    builder: ArgumentBuilder,
) -> None:
    name: str = source["name"]
    required = source.get("required") is True or location == "path"
    if location == "path" and f"{{{name}}}" not in found.path:
        builder.notes.append(f"path parameter {name!r} is not in the path and was left out")
        return
    schema_source, content_type = source.get("schema", {}), None
    content = document.references.follow(source.get("content"))
    if isinstance(content, dict) and content:
        content_type, media = next(iter(content.items()))
        media = document.references.follow(media)
        schema_source = media.get("schema", {}) if isinstance(media, dict) else {}
    declared = document.schemas.convert(schema_source)
    default_style = "form" if location in {"query", "cookie"} else "simple"
    style = source.get("style", default_style)
    parameter = Parameter(
        argument="",
        name=name,
        location=location,
        required=required,
        style=style,
        explode=bool(source.get("explode", style == "form")),
        allow_reserved=source.get("allowReserved") is True,
        content_type=content_type,
    )
    problem = _unwritable_parameter(parameter)
    schema: Schema | None = declared
    if problem is None and content_type is None:
        schema = _writable_part(document, parameter, document.schemas.without_null(declared))
    if schema is None or problem is not None:
        problem = problem or f"has values that the style {style} can't write"
        if required:
            raise Unimportable(f"{location} parameter {name!r} {problem}")
        builder.notes.append(f"optional {location} parameter {name!r} was left out: it {problem}")
        return
    schema = described(schema, source)
    argument = builder.add(name, location, schema, required=required)
    if location == "header" and is_service_header(name):
        builder.bind_only.add(argument)
    if location == "header" and _IDEMPOTENCY.fullmatch(name) and builder.idempotency is None:
        builder.idempotency = argument
        parameter = replace(parameter, required=False)
        if required:
            builder.required.remove(argument)
    builder.parameters.append(replace(parameter, argument=argument))


def _unwritable_parameter(parameter: Parameter) -> str | None:
    """Return why no value can be written exactly, or None if one can."""
    if parameter.location in {"header", "cookie"} and not _TOKEN.fullmatch(parameter.name):
        return f"has a name that is not valid for a {parameter.location}"
    if parameter.content_type is not None:
        if parameter.location == "cookie" or not is_json(parameter.content_type):
            return f"is written as {parameter.content_type}, which is not supported there"
        return None
    style = parameter.style
    if style not in STYLES[parameter.location]:
        return f"has the style {str(style)[:40]!r}, which OpenAPI doesn't define there"
    if style in {"spaceDelimited", "pipeDelimited"} and parameter.explode:
        return f"has the style {style} with explode, which OpenAPI doesn't define"
    return None


def _writable_part(
    document: OpenApiDocument, parameter: Parameter, schema: Schema
) -> Schema | None:
    """Return a schema without the forms and types that the style can't write; None if all are."""
    whole = document.schemas.resolve(schema)
    for keyword in ("anyOf", "oneOf"):
        forms = whole.get(keyword)
        if forms is None:
            continue
        kept = [_writable_part(document, parameter, form) for form in forms]
        written = [form for form in kept if form is not None]
        if not written:
            return None
        if written == forms:
            continue
        schema = whole = {**whole, keyword: written}
        if len(written) == 1:
            rest = {key: value for key, value in whole.items() if key != keyword}
            schema = whole = merge(written[0], rest) or whole
    kinds = _writable_types(document, parameter, whole)
    declared = whole.get("type")
    if isinstance(declared, list) and kinds and not kinds.issuperset({*declared} - {"null"}):
        schema = {**whole, "type": [kind for kind in declared if kind in kinds]}
    return schema if kinds else None


def _writable_types(
    document: OpenApiDocument, parameter: Parameter, schema: Schema
) -> frozenset[str]:
    """Return the types of values that the parameter's style can write."""
    style, kinds = parameter.style, document.schemas.types(schema)
    if style in {"spaceDelimited", "pipeDelimited"}:
        kinds &= {"array", "object"}
    if style == "deepObject":
        kinds &= {"object"}
    if parameter.location == "cookie" and parameter.explode:
        kinds -= {"array", "object"}
    kinds -= {"null"}
    if "array" in kinds and style != "deepObject" and not _items_are_flat(document, schema):
        kinds -= {"array"}
    if "object" in kinds and style != "deepObject" and not _members_are_flat(document, schema):
        kinds -= {"object"}
    return kinds


def _items_are_flat(document: OpenApiDocument, schema: Schema) -> bool:
    items = document.schemas.resolve(schema).get("items", {})
    return not isinstance(items, dict) or bool(document.schemas.types(items) & FLAT)


def _members_are_flat(document: OpenApiDocument, schema: Schema) -> bool:
    whole = document.schemas.resolve(schema)
    members = whole.get("properties", {})
    return all(
        document.schemas.types(members[name]) & FLAT
        for name in whole.get("required", ())
        if name in members
    )


def fill_placeholders(found: FoundOperation, builder: ArgumentBuilder) -> None:
    """Add an undeclared placeholder of the path as a text argument."""
    declared = {p.name for p in builder.parameters if p.location == "path"}
    for name in dict.fromkeys(PLACEHOLDER.findall(found.path)):
        if name not in declared:
            argument = builder.add(name, "path", {"type": "string"}, required=True)
            builder.parameters.append(Parameter(argument, name, "path", required=True))
            builder.undeclared.append(name)
