"""The form of a manifest, once: the JSON Schema that editors read and that loading checks against.

An `errorMessage` is what both say where a value doesn't fit.
"""

import difflib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import jsonschema_rs

from gatepost.allowed_tools import TOOL_NAME
from gatepost.scopes import ADMIN, READ, WRITE
from mcp_gateway.results.fields import PLACE_PATTERN

SCHEMA_FILE = "tools.schema.json"
"""What the schema is called beside a manifest."""
LONGEST_DEADLINE = 300
CLAIMS = ("tenant_id", "sub", "client_id")
_KIND_NAME = "[a-z][a-z0-9_]{0,31}"
_NAME = f"^{TOOL_NAME.pattern}$"
_Schema = dict[str, Any]


def _text(most: int, description: str) -> _Schema:
    return {
        "type": "string",
        "pattern": r"\S",
        "maxLength": most,
        "description": description,
        "errorMessage": f"must be text that is not empty and at most {most} characters",
    }


def _name(description: str) -> _Schema:
    return {
        "type": "string",
        "pattern": _NAME,
        "description": description,
        "errorMessage": "must be a name of 1 to 64 letters, digits, _ and -",
    }


def _names(description: str) -> _Schema:
    return {
        "type": "array",
        "items": {"type": "string", "pattern": _NAME},
        "minItems": 1,
        "description": description,
        "errorMessage": "must be a list of names",
    }


def _flag(description: str) -> _Schema:
    return {
        "type": "boolean",
        "description": description,
        "errorMessage": "must be true or false",
    }


def _whole(least: int, most: int, description: str) -> _Schema:
    return {
        "type": "integer",
        "minimum": least,
        "maximum": most,
        "description": description,
        "errorMessage": f"must be a whole number from {least} to {most}",
    }


def _closed(description: str, required: tuple[str, ...] = (), /, **properties: Any) -> _Schema:
    closed: _Schema = {
        "type": "object",
        "description": description,
        "properties": properties,
        "additionalProperties": False,
    }
    return {**closed, "required": list(required)} if required else closed


_CLAIM: _Schema = {
    "type": "string",
    "pattern": f"^({'|'.join(CLAIMS)}|data_scope\\.{_KIND_NAME})$",
    "errorMessage": f"is no claim; write {', '.join(CLAIMS)} or data_scope.KIND",
}
_FIELD: _Schema = {
    "type": "string",
    "pattern": PLACE_PATTERN,
    "errorMessage": "is no place in an answer; write it as owner.email or tasks[].org_id",
}


def _fields(description: str) -> _Schema:
    return {
        "type": "array",
        "items": _FIELD,
        "minItems": 1,
        "description": description,
        "errorMessage": "must be a list of places in the answer, as [id, owner.email]",
    }


_GRAPHQL = _closed(
    "A query of a GraphQL endpoint, in place of `operation`.",
    ("query",),
    path={
        "type": "string",
        "pattern": "^/[^?#{}\\s]*$",
        "default": "/graphql",
        "description": "The endpoint's path below the upstream's base URL.",
        "errorMessage": "must be a path that starts with /, as /graphql",
    },
    query=_text(50_000, "One named query or mutation; what a model may change are its variables."),
    variables={
        "type": "object",
        "description": "JSON Schema of each variable that a model (or a claim) may give.",
        "propertyNames": {"pattern": "^[_A-Za-z][_0-9A-Za-z]{0,63}$"},
        "additionalProperties": {"type": "object"},
        "errorMessage": "must be a mapping of variable to its JSON Schema",
    },
)

_QUESTION = _closed(
    "One question: a form for a person, or a text for the client's model to write.",
    ask=_text(500, "What the person is asked; `{argument}` stands for the argument's value."),
    fields={
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "object"},
        "description": "Argument to the schema of its form field (MCP elicitation).",
        "errorMessage": "must be a mapping of argument to schema, as `due: {type: string}`",
    },
    draft=_text(5000, "What the client's model is to write, in place of `ask`."),
    into=_text(64, "The argument that takes the draft."),
    most_tokens=_whole(1, 100_000, "How long the draft may be."),
)
_QUESTION["oneOf"] = [{"required": ["ask", "fields"]}, {"required": ["draft", "into"]}]

_GUARD: _Schema = {
    "enum": ["off", "report", "block"],
    "description": "What becomes of an answer that reads like instructions to a model.",
    "errorMessage": "must be off, report or block",
}

_TOOL = _closed(
    "One tool: an operation, and what was decided about it.",
    operation=_text(2000, "`METHOD /path` or the operationId, from the OpenAPI document."),
    graphql=_GRAPHQL,
    title=_text(200, "What a person reads on the consent page."),
    description=_text(8000, "What the model reads to decide whether and how to use the tool."),
    scope={
        "enum": [READ, WRITE, ADMIN],
        "description": "The scope a connection must have been granted.",
        "errorMessage": f"must be {READ}, {WRITE} or {ADMIN}",
    },
    toolsets={
        "type": "array",
        "items": {"type": "string", "pattern": _NAME},
        "description": "Groups a person allows at once, beside read or write, which is added.",
        "errorMessage": "must be a list of names (letters, digits, _ and -), written without @",
    },
    bind={
        "type": "object",
        "additionalProperties": _CLAIM,
        "description": "Argument to the claim that fills it; no model sees or sets it.",
        "errorMessage": "must be a mapping of argument to claim, as `org_id: tenant_id`",
    },
    check={
        "type": "object",
        "minProperties": 1,
        "propertyNames": _FIELD,
        "additionalProperties": _CLAIM,
        "description": "Place in the answer to the claim it must equal, as tasks[].org_id.",
        "errorMessage": "must be a mapping of field to claim, as `tasks[].org_id: tenant_id`",
    },
    shape=_closed(
        "What of the answer the model gets to read.",
        fields=_fields("Only these places of the answer."),
        redact=_fields("Places whose value is never shown."),
        paging=_closed(
            "How the list is paged, where the document doesn't tell.",
            ("argument", "next"),
            argument=_text(64, "The argument that asks for the next page."),
            next={**_FIELD, "description": "Where the answer holds the value for it."},
            size=_text(64, "The argument that says how many items a page holds."),
            most=_whole(1, 100_000, "The most that `size` may ask for."),
        ),
        most_bytes={
            **_whole(1024, 4 << 20, "Bytes of an answer that are shown; what is more is cut."),
            "default": 65536,
        },
        guard=_GUARD,
    ),
    limits=_closed(
        "How often one tenant may call the tool, beside its tier's limits.",
        per_minute=_whole(1, 1_000_000, "Calls a minute."),
        concurrent=_whole(1, 10_000, "Calls at once."),
    ),
    cost={**_whole(0, 1_000_000, "What a call counts for in quota and billing."), "default": 1},
    confirm={
        "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": r"\S", "maxLength": 500}],
        "default": False,
        "description": "Ask the person before each call; a text is the question.",
        "errorMessage": "must be true, false or the question to ask",
    },
    inputs={
        "type": "array",
        "minItems": 1,
        "maxItems": 5,
        "items": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": _NAME},
            "additionalProperties": _QUESTION,
        },
        "description": "What is asked for where the model left it out, round by round.",
        "errorMessage": "must be a list of mappings of names to questions",
    },
    mirror={
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "type": "string",
            "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$",
            "errorMessage": "must be a header name of letters, digits and -",
        },
        "description": "Argument to N of the header Mcp-Param-N, in which clients repeat it.",
        "errorMessage": "must be a mapping of argument to header name, as `region: Region`",
    },
    slashes=_names("Arguments at the path's end that may hold slashes, as a file's path does."),
    slow=_flag("Whether a client that waits is told how far a call is."),
    deadline={
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": LONGEST_DEADLINE,
        "default": 30,
        "description": "Seconds a call may take.",
        "errorMessage": f"must be a number of seconds above 0 and up to {LONGEST_DEADLINE}",
    },
    read_only=_flag("Whether it changes nothing; the method's own answer where not set."),
    destructive=_flag("Whether what it changes can't be undone."),
    idempotent=_flag("Whether a second call like the first changes nothing more."),
    version=_text(40, "The tool's version, for people."),
    deprecated=_flag("Whether the model should be told to stop using it."),
    sunset={
        "type": "string",
        "format": "date",
        "pattern": r"^\d{4}-\d\d-\d\d$",
        "description": "The last day the tool is served, as 2027-06-30.",
        "errorMessage": "must be a date, as 2027-06-30",
    },
    replaced_by=_name("The tool to use instead."),
    expose={**_flag("false keeps the tool out."), "default": True},
)
_TOOL["oneOf"] = [{"required": ["operation"]}, {"required": ["graphql"]}]

_PROMPT = _closed(
    "A text a person can start from.",
    ("text",),
    title=_text(200, "What a person reads."),
    description=_text(2000, "What the prompt is for."),
    arguments={
        "type": "object",
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": _closed(
            "What a person fills in.",
            description=_text(1000, "What to fill in."),
            required=_flag("Whether it must be filled in."),
            values={
                "type": "array",
                "items": {"type": "string", "maxLength": 200},
                "minItems": 1,
                "maxItems": 1000,
                "description": "What it can be, offered while a person types.",
                "errorMessage": "must be a list of texts, as [low, high]",
            },
        ),
        "description": "What `{{name}}` in the text stands for.",
        "errorMessage": "must be a mapping of names to their description",
    },
    text=_text(50_000, "The prompt; `{{name}}` is replaced by the argument."),
    attach=_names("Resources that come before the text."),
    tools=_names("Tools it needs; who may not use all of them is not shown the prompt."),
)
_RESOURCE = _closed(
    "A text a model may read.",
    title=_text(200, "What a person reads."),
    description=_text(2000, "What the text is about."),
    mime_type={
        "type": "string",
        "pattern": r"^[a-z]+/[a-z0-9.+-]+$",
        "default": "text/markdown",
        "description": "The text's media type.",
        "errorMessage": "must be a media type, as text/markdown",
    },
    text=_text(1_000_000, "The text itself."),
    file=_text(1000, "Path of a file beside the manifest, in place of `text`."),
    tool=_name("A read-only tool that reads it, in place of `text`."),
    uri={
        "type": "string",
        "pattern": r"^[a-z][a-z0-9+.-]*:[^\s{}]*(\{[A-Za-z0-9_]+\}[^\s{}]*)*$",
        "maxLength": 500,
        "description": "Where clients read it; with `{argument}` for each argument of `tool`.",
        "errorMessage": "must be a URI, as orbit://guide or orbit://tasks/{id}",
    },
)
_RESOURCE["oneOf"] = [{"required": ["text"]}, {"required": ["file"]}, {"required": ["tool"]}]


def _named(description: str, schema: _Schema, message: str) -> _Schema:
    names = {"pattern": _NAME, "errorMessage": "a name is 1 to 64 letters, digits, _ and -"}
    return {
        "type": "object",
        "description": description,
        "propertyNames": names,
        "additionalProperties": schema,
        "errorMessage": message,
    }


SCHEMA: _Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Gatepost tool manifest",
    **_closed(
        "What AI agents may use of an API. Nothing that is not named here is served.",
        ("version", "name", "tools"),
        version={"const": 1, "description": "Always 1.", "errorMessage": "must be 1"},
        name=_text(200, "What people call the product."),
        openapi=_text(1000, "Path of the OpenAPI document, from where the manifest lies."),
        hosts={
            "type": "array",
            "items": {"type": "string", "pattern": r"^[A-Za-z0-9.-]+(:\d{1,5})?$"},
            "description": "Hosts that operations with a server of their own may be sent to.",
            "errorMessage": "must be a list of hosts, as [uploads.example.com]",
        },
        search_above=_whole(
            1,
            10_000,
            "Somebody who may use more tools than this is shown three tools to find and use them.",
        ),
        guard={**_GUARD, "default": "off"},
        tools=_named("Tool name to tool.", _TOOL, "must be a mapping of tool names to tools"),
        prompts=_named("Prompt name to prompt.", _PROMPT, "must be a mapping of names to prompts"),
        resources=_named("Name to resource.", _RESOURCE, "must be a mapping of names to resources"),
    ),
}
_VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA, offline=True)
_KIND = jsonschema_rs.ValidationErrorKind


def manifest_problems(source: Mapping[str, Any]) -> list[str]:
    """List what is wrong with a manifest's form, each as `tools.NAME.key: what to write`."""
    found = [problem for error in _VALIDATOR.iter_errors(source) for problem in _explain(error)]
    return list(dict.fromkeys(found))


def claim_problem(claim: object) -> str | None:
    """Say what is wrong with a binding's claim; None where nothing is."""
    if jsonschema_rs.is_valid(_CLAIM, claim):
        return None
    return f"{claim!r} {_CLAIM['errorMessage']}"


def date_of(text: str) -> date | None:
    """Read a day; None where the calendar has no such."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _explain(error: jsonschema_rs.ValidationError) -> Iterator[str]:
    place = ".".join(str(part) for part in error.instance_path)
    node = _schema_at(list(error.schema_path)[:-1])
    match error.kind:
        case _KIND.Required() as missing:
            yield f"{_join(place, missing.property)}: missing"
        case _KIND.AdditionalProperties() as unexpected:
            for name in unexpected.unexpected:
                near = difflib.get_close_matches(name, node["properties"], n=1)
                known = ", ".join(node["properties"])
                hint = f"did you mean {near[0]}?" if near else f"known keys: {known}"
                yield f"{_join(place, name)}: unknown key; {hint}"
        case _KIND.OneOfNotValid() | _KIND.OneOfMultipleValid():
            choices = " or ".join(f"`{branch['required'][0]}`" for branch in node["oneOf"])
            yield f"{place}: must have either {choices}"
        case _KIND.PropertyNames() as named:
            name = str(named.error.instance)
            message = node.get("errorMessage", "is no name that can be used here")
            yield f"{_join(place, name)}: {message}"
        case _:
            if "errorMessage" not in node and error.schema_path[-2:-1] == ["items"]:
                node = _schema_at(list(error.schema_path)[:-2])
            message = node.get("errorMessage", "must be a mapping")
            shown = f"{error.instance!r} " if message.startswith("is no ") else ""
            yield f"{place}: {shown}{message}"


def _schema_at(path: list[Any]) -> Any:
    node: Any = SCHEMA
    for part in path:
        node = node[part]
    return node


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
