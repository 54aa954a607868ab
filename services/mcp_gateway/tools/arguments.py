"""From an operation to one flat object of arguments, and back to where each of them goes.

Path, query, header and cookie parameters and the properties of an object body become keys of one
object. What the service itself sets (credentials, routing and forwarding headers) never does.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mcp_gateway.tools.budget import Schema
from mcp_gateway.tools.openapi import FoundOperation, OpenApiDocument
from mcp_gateway.tools.operation import Body, Encoding, Location, Operation, Parameter
from mcp_gateway.tools.pagination import detect_pagination
from mcp_gateway.tools.references import UnresolvableReference
from mcp_gateway.tools.schemas import ANNOTATIONS, UnusableSchema, tidy_text, without_echo
from mcp_gateway.tools.security import read_security
from mcp_gateway.tools.servers import UnlistedServer, own_base_url, server_urls
from mcp_gateway.upstream.bodies import FORM, MULTIPART, essence, is_json
from mcp_gateway.upstream.serialise import PLACEHOLDER
from mcp_gateway.upstream.styles import steps_through_directories

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")  # RFC 9110 §5.6.2
_MEDIA_TYPE = re.compile(r"[\x21-\x3a\x3c-\x7e]+(?: *; *[\x21-\x3a\x3c-\x7e]+)*")
ARGUMENT_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_STYLES: Mapping[Location, tuple[str, ...]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
_SERVICE_HEADERS = frozenset(
    """accept accept-charset accept-encoding api-key authorization baggage connection cookie date
    expect forwarded host http2-settings keep-alive origin referer server set-cookie te traceparent
    tracestate trailer transfer-encoding upgrade user-agent via x-access-token x-api-key
    x-auth-token x-client-ip x-cluster-client-ip x-http-method x-http-method-override
    x-method-override x-original-url x-real-ip x-rewrite-url""".split()  # noqa: SIM905 - read as words
)
_SERVICE_PREFIXES = ("content-", "gatepost-", "proxy-", "sec-", "x-forwarded-", "x-original-")
# What keeps an object body from being taken apart: each says something about the object as a whole.
_WHOLE_BODY_KEYWORDS = frozenset(
    """allOf anyOf oneOf not if then else const enum patternProperties propertyNames
    dependentRequired dependentSchemas $ref""".split()  # noqa: SIM905 - read as words
)
_FLAT = frozenset({"string", "number", "integer", "boolean"})
_IDEMPOTENCY = re.compile(r"(?:x-)?(?:[a-z]+-)?idempotency-?(?:key|token|id)", re.IGNORECASE)


class Unimportable(Exception):
    """The operation can't become a tool; the message is the reason, for the coverage report."""


@dataclass(frozen=True, slots=True)
class ImportedOperation:
    """An operation with the arguments a model could give; `Schemas.publish` ends the schema."""

    found: FoundOperation
    operation: Operation
    properties: Mapping[str, Schema]
    """Argument key to converted schema, references still open."""
    required: tuple[str, ...]
    bind_only: frozenset[str] = frozenset()
    """Arguments that a claim may fill and a model may not: tenant headers."""
    notes: tuple[str, ...] = ()
    """What a reviewer should know: optional parameters left out, and why."""

    def without_parameters(self, arguments: Collection[str]) -> "ImportedOperation":
        """Leave some parameters out of the operation and of its arguments."""
        kept = tuple(p for p in self.operation.parameters if p.argument not in arguments)
        return replace(
            self,
            operation=replace(self.operation, parameters=kept),
            properties={k: v for k, v in self.properties.items() if k not in arguments},
        )


@dataclass(slots=True)
class _Draft:
    """What grows while one operation is read."""

    properties: dict[str, Schema] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    bind_only: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    idempotency: str | None = None

    def add(self, name: str, location: str, schema: Schema, *, required: bool) -> str:
        """Give an upstream name its argument key: legal, unique, the same at each import."""
        key = legal_key(name)
        if key in self.properties:
            key = legal_key(f"{location}_{name}")
        base, number = key, 2
        while key in self.properties:
            key, number = f"{base[:60]}_{number}", number + 1
        self.properties[key] = without_echo(name, schema)
        if required:
            self.required.append(key)
        return key


def import_operation(
    document: OpenApiDocument, found: FoundOperation, hosts: Collection[str] = ()
) -> ImportedOperation:
    """Turn one operation into flat arguments and where they go.

    Args:
        document: where it was found.
        found: the operation.
        hosts: those beside the upstream's own that the operator lets requests go to.

    Raises:
        Unimportable: something about it can't be sent exactly; the reason names it.
    """
    try:
        _require_sendable(document, found)
        draft = _Draft()
        _add_parameters(document, found, draft)
        _fill_placeholders(found, draft)
        body = _add_body(document, found, draft)
        if draft.idempotency is not None:
            del draft.properties[draft.idempotency]
        return ImportedOperation(
            found=found,
            operation=Operation(
                method=found.method,
                path=found.path,
                parameters=tuple(draft.parameters),
                body=body,
                responses=_responses(document, found),
                base_url=_base_url(document, found, hosts),
                security=read_security(document.root, found.node),
                pagination=detect_pagination(
                    draft.parameters, _answer(document, found), document.references
                )
                if found.method in {"GET", "POST", "QUERY"}
                else None,
                idempotency=draft.idempotency,
                secrets=frozenset(
                    key
                    for key, schema in draft.properties.items()
                    if document.schemas.asks_for_password(key, schema)
                ),
                renamed=document.schemas.renamed(draft.properties.values()),
            ),
            properties=draft.properties,
            required=tuple(draft.required),
            bind_only=frozenset(draft.bind_only),
            notes=tuple(draft.notes),
        )
    except (UnresolvableReference, UnusableSchema, UnlistedServer) as error:
        raise Unimportable(str(error)) from None
    except RecursionError:
        raise Unimportable("its schemas are nested too deeply") from None
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        # What is this malformed must not take the other operations with it.
        raise Unimportable(f"it is malformed ({type(error).__name__})") from error


def legal_key(name: str) -> str:
    """Make a name a key that every client accepts: `filter[name]` becomes `filter_name`."""
    if ARGUMENT_KEY.fullmatch(name):
        return name
    key = re.sub(r"[^a-zA-Z0-9_.-]+", "_", name).strip("_.-")
    if len(key) > 64:
        key = f"{key[:55]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return key or f"arg_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def is_service_header(name: str) -> bool:
    """Tell whether a header is the service's own, so that no model may set it."""
    name = name.lower()
    return name in _SERVICE_HEADERS or name.startswith(_SERVICE_PREFIXES) or is_tenant_header(name)


def is_tenant_header(name: str) -> bool:
    """Tell whether a header says whose data is asked for: a claim may fill it, no model."""
    return name.lower().startswith("x-tenant")


def _require_sendable(document: OpenApiDocument, found: FoundOperation) -> None:
    if found.method in {"TRACE", "OPTIONS"}:
        raise Unimportable(f"{found.method} speaks about the API, it doesn't use it")
    if not found.path.startswith("/"):
        raise Unimportable("the path doesn't start with '/'")
    if "#" in found.path:
        raise Unimportable("the path holds a fragment ('#…'), which is never sent")
    if steps_through_directories(found.path.partition("?")[0]):
        raise Unimportable("the path steps through directories ('.' or '..')")
    placeholder_in_query = PLACEHOLDER.search(found.path.partition("?")[2])
    if placeholder_in_query:
        raise Unimportable("the path holds a placeholder after its '?'")


def _base_url(
    document: OpenApiDocument, found: FoundOperation, hosts: Collection[str]
) -> str | None:
    own = server_urls(found.node, document.url) or server_urls(found.path_item, document.url)
    return own_base_url(own, document.servers, hosts)


# Parameters


def _add_parameters(document: OpenApiDocument, found: FoundOperation, draft: _Draft) -> None:
    credentials = {
        (
            credential.kind,
            credential.name.lower() if credential.kind == "header" else credential.name,
        )
        for credential in document.credentials.values()
    }
    sources: dict[tuple[str, str], dict[str, Any]] = {}
    for owner in (found.path_item, found.node):
        listed = owner.get("parameters") or []
        if not isinstance(listed, list):
            raise Unimportable("its parameters are not a list")
        for source in listed:
            parameter = document.references.follow(source)
            if not isinstance(parameter, dict):
                raise Unimportable("a parameter is not an object")
            name, location = parameter.get("name"), parameter.get("in")
            if not isinstance(name, str) or not name or not isinstance(location, str):
                raise Unimportable("a parameter has no name or no place (`in`)")
            if location not in _STYLES:
                place = f"parameter {name[:80]!r} is in {location[:40]!r}"
                if parameter.get("required") is True or location in {"body", "formData"}:
                    raise Unimportable(f"the {place}, which is not supported")
                draft.notes.append(f"the optional {place} and was left out")
                continue
            key = name.lower() if location == "header" else name
            sources[(location, key)] = parameter  # The operation's own win over the path's.
    order: tuple[Location, ...] = ("path", "query", "header", "cookie")
    for location in order:
        for (where, key), parameter in sources.items():
            if where != location:
                continue
            if (location, key) in credentials:
                continue
            if location == "header" and is_service_header(key) and not is_tenant_header(key):
                continue
            _add_parameter(document, found, parameter, location, draft)


def _add_parameter(
    document: OpenApiDocument,
    found: FoundOperation,
    source: Mapping[str, Any],
    location: Location,
    draft: _Draft,
) -> None:
    name: str = source["name"]
    required = source.get("required") is True or location == "path"
    if location == "path" and f"{{{name}}}" not in found.path:
        draft.notes.append(f"path parameter {name!r} is not in the path and was left out")
        return
    schema_source, content_type = source.get("schema", {}), None
    content = source.get("content")
    if isinstance(content, dict) and content:
        content_type, media = next(iter(content.items()))
        media = document.references.follow(media)
        schema_source = media.get("schema", {}) if isinstance(media, dict) else {}
    schema = document.schemas.convert(schema_source)
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
    problem = _unwritable_parameter(document, parameter, schema)
    if problem:
        if required:
            raise Unimportable(f"{location} parameter {name!r} {problem}")
        draft.notes.append(f"optional {location} parameter {name!r} was left out: it {problem}")
        return
    if content_type is None:
        schema = document.schemas.without_null(schema)
    schema = _described(schema, source)
    argument = draft.add(name, location, schema, required=required)
    if location == "header" and is_service_header(name):
        draft.bind_only.add(argument)
    if location == "header" and _IDEMPOTENCY.fullmatch(name) and draft.idempotency is None:
        draft.idempotency = argument
        parameter = replace(parameter, required=False)
        if required:
            draft.required.remove(argument)
    draft.parameters.append(replace(parameter, argument=argument))


def _unwritable_parameter(
    document: OpenApiDocument, parameter: Parameter, schema: Schema
) -> str | None:
    """Say why no value the schema allows could be written exactly; None where one can."""
    if parameter.location in {"header", "cookie"} and not _TOKEN.fullmatch(parameter.name):
        return f"has a name that no {parameter.location} can have"
    if parameter.content_type is not None:
        if parameter.location == "cookie" or not is_json(parameter.content_type):
            return f"is written as {parameter.content_type}, which is not supported there"
        return None
    style = parameter.style
    if style not in _STYLES[parameter.location]:
        return f"has the style {str(style)[:40]!r}, which OpenAPI doesn't define there"
    kinds = document.schemas.types(schema)
    if style in {"spaceDelimited", "pipeDelimited"}:
        if parameter.explode:
            return f"has the style {style} with explode, which OpenAPI doesn't define"
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
    return None if kinds else f"has values that the style {style} can't write"


def _items_are_flat(document: OpenApiDocument, schema: Schema) -> bool:
    items = document.schemas.resolve(schema).get("items", {})
    return not isinstance(items, dict) or bool(document.schemas.types(items) & _FLAT)


def _members_are_flat(document: OpenApiDocument, schema: Schema) -> bool:
    whole = document.schemas.resolve(schema)
    members = whole.get("properties", {})
    return all(
        document.schemas.types(members[name]) & _FLAT
        for name in whole.get("required", ())
        if name in members
    )


def _fill_placeholders(found: FoundOperation, draft: _Draft) -> None:
    """Take a placeholder that the document forgot to declare for a text: a path holds no else."""
    declared = {p.name for p in draft.parameters if p.location == "path"}
    for name in dict.fromkeys(PLACEHOLDER.findall(found.path)):
        if name not in declared:
            argument = draft.add(name, "path", {"type": "string"}, required=True)
            draft.parameters.append(Parameter(argument, name, "path", required=True))
            draft.notes.append(f"the path's {{{name}}} is not declared and was taken for text")


# Body


def _add_body(document: OpenApiDocument, found: FoundOperation, draft: _Draft) -> Body | None:
    if "requestBody" not in found.node:
        return None
    request_body = document.references.follow(found.node["requestBody"])
    if not isinstance(request_body, dict):
        raise Unimportable("the request body is not an object")
    required = request_body.get("required") is True
    if found.method in {"GET", "HEAD"}:
        if required:
            raise Unimportable(f"it needs a request body, which {found.method} doesn't have")
        draft.notes.append(f"the optional body was left out: {found.method} has none")
        return None
    content = request_body.get("content")
    if not isinstance(content, dict) or not content:
        if required:
            raise Unimportable("its request body declares no content type")
        return None
    reasons: list[str] = []
    for content_type in sorted(content, key=_preference):
        media = document.references.follow(content[content_type])
        source = media.get("schema", {}) if isinstance(media, dict) else {}
        schema = _described(document.schemas.convert(source), request_body)
        encoding = media.get("encoding") if isinstance(media, dict) else None
        try:
            return _body_of(document, content_type, schema, encoding, draft, required=required)
        except Unimportable as error:
            reasons.append(str(error))
    raise Unimportable(reasons[0])


def _preference(content_type: str) -> int:
    """Order the content types a body offers: JSON, merge patch, other JSON, forms, the rest."""
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
    draft: _Draft,
    *,
    required: bool,
) -> Body:
    if not _MEDIA_TYPE.fullmatch(content_type):
        raise Unimportable(f"its request body has the malformed type {content_type[:60]!r}")
    kind = essence(content_type)
    if kind in {"*/*", "application/*"}:
        kind = content_type = (
            "application/octet-stream" if _is_file(document, schema) else "application/json"
        )
    if is_json(kind):
        flat = _flat_object(document, schema)
        if flat is None:
            return _whole_body(content_type, schema, draft, required=required)
        arguments = _flatten(document, flat, draft)
        # Nothing optional is left of a body whose properties are required.
        required = required or bool(flat.get("required"))
        extra = _add_extra(flat, draft)
        return Body(content_type, properties=arguments, required=required, extra=extra)
    if kind in {FORM, MULTIPART}:
        return _form_body(document, content_type, schema, encoding, draft, required=required)
    text = kind.startswith("text/") and not _is_file(document, schema)
    if text and document.schemas.types(schema) & _FLAT:
        return _whole_body(content_type, schema, draft, required=required)
    if kind.endswith(("/xml", "+xml")):
        raise Unimportable(f"its request body is {kind}, which is not supported")
    if "*" in kind or kind.startswith("multipart/") or "/" not in kind:
        raise Unimportable(f"its request body is {kind[:100]}, which is not supported")
    file = _file_schema(schema)
    body = _whole_body(content_type, file, draft, required=required)
    return replace(body, files=frozenset({str(body.whole)}))


def _form_body(
    document: OpenApiDocument,
    content_type: str,
    schema: Schema,
    encoding: object,
    draft: _Draft,
    *,
    required: bool,
) -> Body:
    kind = essence(content_type)
    flat = _flat_object(document, schema)
    whole = document.schemas.resolve(schema)
    if flat is None and _has_no_fields(whole):
        return Body(content_type, required=required)
    if flat is None and _is_map(document, whole):
        return Body(content_type, required=required, extra=_add_extra(whole, draft))
    if flat is None:
        raise Unimportable(f"its {kind} body is no plain object with named properties")
    encodings = {
        key: _encoding(name, source)
        for name, source in (encoding.items() if isinstance(encoding, dict) else ())
        if (key := document.schemas.key(name)) in flat["properties"] and isinstance(source, dict)
    }
    if kind == MULTIPART and document.version.startswith("3.0"):  # Where a style is for forms.
        encodings = {key: Encoding(content_type=e.content_type) for key, e in encodings.items()}
    properties: dict[str, Schema] = {}
    files: set[str] = set()
    for name, source in flat["properties"].items():
        value = document.schemas.without_null(source)
        declared = encodings.get(name, Encoding()).content_type
        if kind == MULTIPART and _is_file(document, value, declared):
            files.add(name)
            value = _file_schema(value)
        elif kind == MULTIPART and _is_file_list(document, value):
            files.add(name)
            whole = document.schemas.resolve(value)
            value = {**whole, "items": _file_schema(document.schemas.resolve(whole["items"]))}
        elif declared is not None and not is_json(declared) and kind == FORM:
            raise Unimportable(f"the form's {name!r} is written as {declared[:60]}")
        properties[name] = value
    arguments = _flatten(document, {**flat, "properties": properties}, draft)
    return Body(
        content_type,
        properties=arguments,
        required=required or bool(flat.get("required")),
        extra=_add_extra(flat, draft),
        files=frozenset(
            argument for argument, name in arguments.items() if document.schemas.key(name) in files
        ),
        encodings={
            argument: encodings[key]
            for argument, name in arguments.items()
            if (key := document.schemas.key(name)) in encodings
        },
    )


def _encoding(name: str, source: Mapping[str, Any]) -> Encoding:
    style, content_type = source.get("style"), source.get("contentType")
    if {"style", "explode", "allowReserved"} & source.keys():
        style = style or "form"
        if style not in _STYLES["query"]:
            raise Unimportable(f"the form's {name!r} has an unknown style {str(style)[:40]!r}")
        return Encoding(style=style, explode=bool(source.get("explode", style == "form")))
    if isinstance(content_type, str):
        if not re.fullmatch(r"[\x20-\x7e]+", content_type):
            raise Unimportable(f"the form's {name!r} has a malformed content type")
        first = content_type.partition(",")[0].strip()  # A list of alternatives.
        return Encoding(content_type=None if "*" in first else first)
    return Encoding()


def _flat_object(document: OpenApiDocument, schema: Schema) -> Schema | None:
    """Answer a body's schema as a plain object with named properties; None where it is none."""
    schema = document.schemas.without_null(document.schemas.resolve(schema))
    schema = document.schemas.resolve(schema)
    properties = schema.get("properties")
    if document.schemas.types(schema) != {"object"} or not properties:
        return None
    if _WHOLE_BODY_KEYWORDS & schema.keys() or set(schema.get("required", ())) - set(properties):
        return None
    return schema


def _has_no_fields(schema: Schema) -> bool:
    """Tell whether an object schema names no property and lets none through."""
    constraints = schema.keys() - ANNOTATIONS - {"type", "properties", "additionalProperties"}
    closed = schema.get("additionalProperties", False) is False
    return (
        schema.get("type") == "object"
        and closed
        and not constraints | schema.get("properties", {}).keys()
    )


def _is_map(document: OpenApiDocument, schema: Schema) -> bool:
    """Tell whether an object schema names no property and lets any through."""
    others = schema.get("additionalProperties")
    return (
        document.schemas.types(schema) == {"object"}
        and (others is True or isinstance(others, dict))
        and not schema.get("properties")
        and not _WHOLE_BODY_KEYWORDS & schema.keys()
        and not schema.get("required")
    )


def _flatten(document: OpenApiDocument, schema: Schema, draft: _Draft) -> dict[str, str]:
    needed = schema.get("required", ())
    arguments: dict[str, str] = {}
    for key, value in schema["properties"].items():
        name = document.schemas.original(key)
        if value.get("format") == "password":
            draft.notes.append(f"{name!r} is a password, which no model should be given")
        arguments[draft.add(name, "body", value, required=key in needed)] = name
    return arguments


def _add_extra(schema: Schema, draft: _Draft) -> str | None:
    """Add the argument for properties that an object body allows beside those it names."""
    others = schema.get("additionalProperties")
    if others is not True and not isinstance(others, dict):
        return None
    named = "beside those that are arguments here" if schema.get("properties") else "by name"
    whole: Schema = {
        "type": "object",
        "additionalProperties": others,
        "description": f"More properties of the request body, {named}.",
    }
    return draft.add("additional_properties", "body", whole, required=False)


def _whole_body(content_type: str, schema: Schema, draft: _Draft, *, required: bool) -> Body:
    argument = draft.add("body", "request", schema, required=required)
    return Body(content_type, whole=argument, required=required)


def _is_file(document: OpenApiDocument, schema: Schema, declared: str | None = None) -> bool:
    """Tell whether a schema stands for bytes: `format: binary`, or 3.1's bare media type."""
    schema = document.schemas.resolve(schema)
    if document.schemas.types(schema) & _FLAT != {"string"} or "enum" in schema:
        return False
    media = schema.get("contentMediaType") or declared
    bytes_ = media is not None and not is_json(media) and not media.startswith("text/")
    return schema.get("format") == "binary" or (bytes_ and "contentEncoding" not in schema)


def _is_file_list(document: OpenApiDocument, schema: Schema) -> bool:
    items = document.schemas.resolve(schema).get("items")
    return isinstance(items, dict) and _is_file(document, items)


def _file_schema(schema: Schema) -> Schema:
    said = str(schema.get("description", "")).rstrip(". ")
    how = "Give the file as base64 text, or as data:TYPE;name=NAME;base64,CONTENT."
    return {
        "type": "string",
        "contentEncoding": "base64",
        "description": f"{said}. {how}" if said else how,
    }


def _described(schema: Schema, source: Mapping[str, Any]) -> Schema:
    """Put the words of a parameter or body onto its schema."""
    schema = dict(schema)
    description = source.get("description")
    if isinstance(description, str) and description.strip():
        schema["description"] = tidy_text(description)
    if source.get("deprecated") is True:
        schema["deprecated"] = True
    return schema


def _answer(document: OpenApiDocument, found: FoundOperation) -> Any:
    """Find the schema of a successful JSON answer, unconverted; None where there is none."""
    responses = found.node.get("responses")
    for status, source in responses.items() if isinstance(responses, dict) else ():
        if not str(status).startswith("2"):
            continue
        try:
            response = document.references.follow(source)
        except UnresolvableReference:
            continue
        content = response.get("content") if isinstance(response, dict) else None
        for kind, media in content.items() if isinstance(content, dict) else ():
            if (is_json(kind) or kind == "*/*") and isinstance(media, dict):
                return media.get("schema")
    return None


def _responses(document: OpenApiDocument, found: FoundOperation) -> dict[str, tuple[str, ...]]:
    declared: dict[str, tuple[str, ...]] = {}
    responses = found.node.get("responses")
    for status, source in responses.items() if isinstance(responses, dict) else ():
        try:
            response = document.references.follow(source)
        except UnresolvableReference:
            continue  # Only what is sent must be known; an answer is read as it comes.
        content = response.get("content") if isinstance(response, dict) else None
        declared[status] = _media_types(content) if isinstance(content, dict) else ()
    return declared


def _media_types(content: Iterable[str]) -> tuple[str, ...]:
    return tuple(kind for kind in content if _MEDIA_TYPE.fullmatch(kind))
