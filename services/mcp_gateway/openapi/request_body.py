"""Turn the request body into arguments: an object's properties, or one argument for the whole."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mcp_gateway.documents.media_types import is_media_type
from mcp_gateway.openapi.argument_builder import (
    FLAT,
    STYLES,
    ArgumentBuilder,
    Unimportable,
    described,
)
from mcp_gateway.openapi.document import FoundOperation, OpenApiDocument
from mcp_gateway.requests.bodies import FORM, MULTIPART, essence, is_json
from mcp_gateway.requests.operation import Body, Encoding
from mcp_gateway.schemas.all_of import ANNOTATIONS
from mcp_gateway.schemas.budget import Schema

# These keywords constrain the object as a whole, so a body with one of them can't be split.
_WHOLE_BODY_KEYWORDS = frozenset(
    """allOf anyOf oneOf not if then else const enum patternProperties propertyNames
    dependentRequired dependentSchemas $ref""".split()  # noqa: SIM905 - read as words
)


def add_body(
    document: OpenApiDocument, found: FoundOperation, builder: ArgumentBuilder
) -> Body | None:
    """Add the body in the first of its content types that can be sent; return None without a body.

    Raises:
        Unimportable: the body is required, and none of its content types can be sent.
    """
    if "requestBody" not in found.node:
        return None
    request_body = document.references.follow(found.node["requestBody"])
    if not isinstance(request_body, dict):
        raise Unimportable("the request body is not an object")
    required = request_body.get("required") is True
    if found.method in {"GET", "HEAD"}:
        if required:
            raise Unimportable(f"it needs a request body, which {found.method} doesn't have")
        builder.notes.append(f"the optional body was left out: {found.method} does not have one")
        return None
    content = document.references.follow(request_body.get("content"))
    if not isinstance(content, dict) or not content:
        if required:
            raise Unimportable("its request body declares no content type")
        return None
    reasons: list[str] = []
    for content_type in sorted(content, key=_preference):
        media = document.references.follow(content[content_type])
        source = media.get("schema", {}) if isinstance(media, dict) else {}
        schema = described(document.schemas.convert(source), request_body)
        encoding = (
            document.references.follow(media.get("encoding")) if isinstance(media, dict) else None
        )
        try:
            return _body_of(document, content_type, schema, encoding, builder, required=required)
        except Unimportable as error:
            reasons.append(str(error))
    raise Unimportable(reasons[0])


def _preference(content_type: str) -> int:
    """Rank the content types of a body: JSON, merge patch, other JSON, forms, the rest."""
    kind = essence(content_type)
    ranks = ("application/json", "application/merge-patch+json")
    if kind in ranks:
        return ranks.index(kind)
    if is_json(kind):
        return 2
    return {"*/*": 3, "application/*": 3, FORM: 4, MULTIPART: 5}.get(kind, 6)


def _body_of(
    document: OpenApiDocument,
    content_type: str,
    schema: Schema,
    encoding: object,
    builder: ArgumentBuilder,
    *,
    required: bool,
) -> Body:
    if not is_media_type(content_type):
        raise Unimportable(f"its request body has the malformed type {content_type[:60]!r}")
    kind = essence(content_type)
    if kind in {"*/*", "application/*"}:
        kind = content_type = (
            "application/octet-stream" if _is_file(document, schema) else "application/json"
        )
    if is_json(kind):
        flat = _flat_object(document, schema)
        if flat is None:
            return _whole_body(content_type, schema, builder, required=required)
        arguments = _flatten(document, flat, builder)
        # A body with required properties is not optional.
        required = required or bool(flat.get("required"))
        extra = _add_extra(flat, builder)
        return Body(content_type, properties=arguments, required=required, extra=extra)
    if kind in {FORM, MULTIPART}:
        return _form_body(document, content_type, schema, encoding, builder, required=required)
    text = kind.startswith("text/") and not _is_file(document, schema)
    if text and document.schemas.types(schema) & FLAT:
        return _whole_body(content_type, schema, builder, required=required)
    if kind.endswith(("/xml", "+xml")):
        raise Unimportable(f"its request body is {kind}, which is not supported")
    if "*" in kind or kind.startswith("multipart/") or "/" not in kind:
        raise Unimportable(f"its request body is {kind[:100]}, which is not supported")
    file = _file_schema(schema)
    body = _whole_body(content_type, file, builder, required=required)
    return replace(body, files=frozenset({str(body.whole)}))


def _form_body(
    document: OpenApiDocument,
    content_type: str,
    schema: Schema,
    encoding: object,
    builder: ArgumentBuilder,
    *,
    required: bool,
) -> Body:
    kind = essence(content_type)
    flat = _flat_object(document, schema)
    whole = document.schemas.resolve(schema)
    if flat is None and _has_no_fields(whole):
        return Body(content_type, required=required)
    if flat is None and _is_map(document, whole):
        return Body(content_type, required=required, extra=_add_extra(whole, builder))
    if flat is None:
        raise Unimportable(f"its {kind} body is not a plain object with named properties")
    encodings = {
        key: _encoding(name, source)
        for name, source in (encoding.items() if isinstance(encoding, dict) else ())
        if (key := document.schemas.key(name)) in flat["properties"] and isinstance(source, dict)
    }
    if kind == MULTIPART and document.version.startswith(
        "3.0"
    ):  # 3.0 defines styles only for forms.
        encodings = {key: Encoding(content_type=e.content_type) for key, e in encodings.items()}
    headed = {
        document.schemas.key(name): f"needs the header {header!r}, which can't be sent"
        for name, source in (encoding.items() if isinstance(encoding, dict) else ())
        if (header := _required_header(document, source)) is not None
    }
    properties: dict[str, Schema] = {}
    files: set[str] = set()
    for name, source in flat["properties"].items():
        value = document.schemas.without_null(source)
        declared = encodings.get(name, Encoding()).content_type
        if kind == MULTIPART and name in headed:
            if name in flat.get("required", ()):
                raise Unimportable(f"the part {name!r} {headed[name]}")
            builder.notes.append(f"the optional part {name!r} was left out: it {headed[name]}")
            continue
        if kind == MULTIPART and _is_part_file(document, value, declared):
            files.add(name)
            value = _file_schema(value)
        elif kind == MULTIPART and _is_file_list(document, value):
            files.add(name)
            whole = document.schemas.resolve(value)
            value = {**whole, "items": _file_schema(document.schemas.resolve(whole["items"]))}
        elif declared is not None and not is_json(declared) and kind == FORM:
            raise Unimportable(f"the form's {name!r} is written as {declared[:60]}")
        properties[name] = value
    arguments = _flatten(document, {**flat, "properties": properties}, builder)
    return Body(
        content_type,
        properties=arguments,
        required=required or bool(flat.get("required")),
        extra=_add_extra(flat, builder),
        files=frozenset(
            argument for argument, name in arguments.items() if document.schemas.key(name) in files
        ),
        encodings={
            argument: encodings[key]
            for argument, name in arguments.items()
            if (key := document.schemas.key(name)) in encodings
        },
    )


def _required_header(document: OpenApiDocument, encoding: object) -> str | None:
    """Return a header that a part of a multipart body must have, other than its type."""
    headers = encoding.get("headers") if isinstance(encoding, dict) else None
    headers = document.references.follow(headers)
    for name, source in headers.items() if isinstance(headers, dict) else ():
        header = document.references.follow(source)
        required = isinstance(header, dict) and header.get("required") is True
        if required and name.lower() not in {"content-type", "content-disposition"}:
            return str(name)
    return None


def _encoding(name: str, source: Mapping[str, Any]) -> Encoding:
    style, content_type = source.get("style"), source.get("contentType")
    if {"style", "explode", "allowReserved"} & source.keys():
        style = style or "form"
        if style not in STYLES["query"]:
            raise Unimportable(f"the form's {name!r} has an unknown style {str(style)[:40]!r}")
        return Encoding(style=style, explode=bool(source.get("explode", style == "form")))
    if isinstance(content_type, str):
        if not re.fullmatch(r"[\x20-\x7e]+", content_type):
            raise Unimportable(f"the form's {name!r} has a malformed content type")
        first = content_type.partition(",")[0].strip()  # A list of alternatives.
        return Encoding(content_type=None if "*" in first else first)
    return Encoding()


def _flat_object(document: OpenApiDocument, schema: Schema) -> Schema | None:
    """Return a body's schema if it is a plain object with named properties, else None."""
    schema = document.schemas.without_null(document.schemas.resolve(schema))
    schema = document.schemas.resolve(schema)
    properties = schema.get("properties")
    if document.schemas.types(schema) != {"object"} or not properties:
        return None
    if _WHOLE_BODY_KEYWORDS & schema.keys() or set(schema.get("required", ())) - set(properties):
        return None
    return schema


def _has_no_fields(schema: Schema) -> bool:
    """Tell whether an object schema names no properties and allows no others."""
    constraints = schema.keys() - ANNOTATIONS - {"type", "properties", "additionalProperties"}
    closed = schema.get("additionalProperties", False) is False
    return (
        schema.get("type") == "object"
        and closed
        and not constraints | schema.get("properties", {}).keys()
    )


def _is_map(document: OpenApiDocument, schema: Schema) -> bool:
    """Tell whether an object schema names no properties and allows any others."""
    others = schema.get("additionalProperties")
    return (
        document.schemas.types(schema) == {"object"}
        and (others is True or isinstance(others, dict))
        and not schema.get("properties")
        and not _WHOLE_BODY_KEYWORDS & schema.keys()
        and not schema.get("required")
    )


def _flatten(document: OpenApiDocument, schema: Schema, builder: ArgumentBuilder) -> dict[str, str]:
    needed = schema.get("required", ())
    arguments: dict[str, str] = {}
    for key, value in schema["properties"].items():
        name = document.schemas.original(key)
        if value.get("format") == "password":
            builder.notes.append(f"{name!r} is a password, which a model should never receive")
        arguments[builder.add(name, "body", value, required=key in needed)] = name
    return arguments


def _add_extra(schema: Schema, builder: ArgumentBuilder) -> str | None:
    """Add the argument for properties that an object body allows in addition to those it names."""
    others = schema.get("additionalProperties")
    if others is not True and not isinstance(others, dict):
        return None
    named = "in addition to the arguments here" if schema.get("properties") else "by name"
    whole: Schema = {
        "type": "object",
        "additionalProperties": others,
        "description": f"More properties of the request body, {named}.",
    }
    return builder.add("additional_properties", "body", whole, required=False)


def _whole_body(
    content_type: str, schema: Schema, builder: ArgumentBuilder, *, required: bool
) -> Body:
    argument = builder.add("body", "request", schema, required=required)
    return Body(content_type, whole=argument, required=required)


def _is_part_file(document: OpenApiDocument, schema: Schema, declared: str | None = None) -> bool:
    """Tell whether a multipart property is bytes, as one without a type is since 3.1 (§4.8.14.4)."""
    whole = document.schemas.resolve(schema)
    if not whole.keys() - ANNOTATIONS - {"contentMediaType"}:
        media = declared or whole.get("contentMediaType") or "application/octet-stream"
        is_text = is_json(media) or media.startswith("text/")
        return not is_text and not document.version.startswith(("2", "3.0"))
    return _is_file(document, schema, declared)


def _is_file(document: OpenApiDocument, schema: Schema, declared: str | None = None) -> bool:
    """Tell whether a schema describes bytes: `format: binary`, or 3.1's bare media type."""
    schema = document.schemas.resolve(schema)
    if document.schemas.types(schema) & FLAT != {"string"} or "enum" in schema:
        return False
    media = schema.get("contentMediaType") or declared
    bytes_ = media is not None and not is_json(media) and not media.startswith("text/")
    return schema.get("format") == "binary" or (bytes_ and "contentEncoding" not in schema)


def _is_file_list(document: OpenApiDocument, schema: Schema) -> bool:
    items = document.schemas.resolve(schema).get("items")
    return isinstance(items, dict) and _is_part_file(document, items)


def _file_schema(schema: Schema) -> Schema:
    said = str(schema.get("description", "")).rstrip(". ")
    how = "Give the file as base64 text, or as data:TYPE;name=NAME;base64,CONTENT."
    return {
        "type": "string",
        "contentEncoding": "base64",
        "description": f"{said}. {how}" if said else how,
    }
