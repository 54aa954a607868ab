"""The JSON Schema of a manifest, which editors read and loading checks against.

An `errorMessage` is the message of both for a value that doesn't match.
"""

import difflib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import jsonschema_rs

from gatepost.allowed_tools import TOOL_NAME
from gatepost.scopes import ADMIN, READ, WRITE
from mcp_gateway.catalogue.composite import MOST_CALLS, MOST_ITEMS
from mcp_gateway.results.fields import PLACE_PATTERN

SCHEMA_FILE = "tools.schema.json"
"""The schema's file name, beside a manifest."""
LONGEST_DEADLINE = 300
CLAIMS = ("tenant_id", "sub", "client_id")
VIEWS = ("table", "card", "form")
POLL, TTL = 5, 86_400
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


_DATE: _Schema = {
    "type": "string",
    "format": "date",
    "pattern": r"^\d{4}-\d\d-\d\d$",
    "errorMessage": "must be a date, such as 2027-06-30",
}
_CLAIM: _Schema = {
    "type": "string",
    "pattern": f"^({'|'.join(CLAIMS)}|data_scope\\.{_KIND_NAME})$",
    "errorMessage": f"is not a claim; write {', '.join(CLAIMS)} or data_scope.KIND",
}
_FIELD: _Schema = {
    "type": "string",
    "pattern": PLACE_PATTERN,
    "errorMessage": "is not a field of an answer; write it like owner.email or tasks[].org_id",
}


def _fields(description: str) -> _Schema:
    return {
        "type": "array",
        "items": _FIELD,
        "minItems": 1,
        "description": description,
        "errorMessage": "must be a list of fields of the answer, such as [id, owner.email]",
    }


_ICONS: _Schema = {
    "type": "array",
    "minItems": 1,
    "maxItems": 8,
    "description": "Pictures that clients may show.",
    "errorMessage": "must be a list of icons, such as [{src: https://example.com/icon.png}]",
    "items": _closed(
        "A picture.",
        ("src",),
        src={
            "type": "string",
            "pattern": r"^(https://[^\s/]+/[^\s]*|data:image/(png|jpeg|webp|svg\+xml);base64,[A-Za-z0-9+/]+=*)$",
            "maxLength": 14_000,
            "description": "Its https URL, or the picture itself as a `data:` URL.",
            "errorMessage": "must be an https URL, or a data: URL in base64 of a PNG, JPEG, WebP or SVG of at "
            "most 10 KB",
        },
        mime_type={
            "enum": ["image/png", "image/jpeg", "image/webp", "image/svg+xml"],
            "description": "Its media type, if the URL does not tell it.",
            "errorMessage": "must be image/png, image/jpeg, image/webp or image/svg+xml",
        },
        sizes={
            "type": "array",
            "items": {"type": "string", "pattern": r"^(any|[1-9]\d{0,3}x[1-9]\d{0,3})$"},
            "minItems": 1,
            "description": "Sizes in pixels that it has; by default it fits every size.",
            "errorMessage": "must be a list of sizes, such as [48x48] or [any]",
        },
        theme={
            "enum": ["light", "dark"],
            "description": "The background that it is made for.",
            "errorMessage": "must be light or dark",
        },
    ),
}
_GRAPHQL = _closed(
    "A query of a GraphQL endpoint, instead of `operation`.",
    ("query",),
    path={
        "type": "string",
        "pattern": "^/[^?#{}\\s]*$",
        "default": "/graphql",
        "description": "The endpoint's path below the upstream's base URL.",
        "errorMessage": "must be a path that starts with /, such as /graphql",
    },
    query=_text(50_000, "One named query or mutation; a model may set its variables."),
    variables={
        "type": "object",
        "description": "JSON Schema of each variable that a model (or a claim) may give.",
        "propertyNames": {"pattern": "^[_A-Za-z][_0-9A-Za-z]{0,63}$"},
        "additionalProperties": {"type": "object"},
        "errorMessage": "must be a mapping of variable to its JSON Schema",
    },
)

_CALL = _closed(
    "One call of another tool.",
    ("as", "tool"),
    **{
        "as": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9_]{0,31}$",
            "description": "The name by which later paths find the answer.",
            "errorMessage": "must be a name of small letters, digits and _",
        },
        "tool": _name("A tool of this manifest, exposed or not."),
        "arguments": {
            "type": "object",
            "description": "Argument to its value, or to `{from: PATH}` of an argument or an answer.",
            "errorMessage": "must be a mapping of argument to value or `{from: PATH}`",
        },
        "for_each": _text(200, "The path of a list: the call is made for each `item` of it."),
        "most": _whole(1, MOST_ITEMS, "The most items of that list."),
        "when": _closed(
            "Make the call only if the value at a path is there and not null, or equals another.",
            ("from",),
            **{"from": _text(200, "The path."), "equals": {"description": "The other value."}},
        ),
    },
)
_QUESTION = _closed(
    "One question: a form for a person, or a text for the client's model to write.",
    ask=_text(500, "The question; `{argument}` is replaced by the argument's value."),
    fields={
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "object"},
        "description": "Argument to the schema of its form field (MCP elicitation).",
        "errorMessage": "must be a mapping of argument to schema, such as `due: {type: string}`",
    },
    draft=_text(5000, "The text that the client's model should write, instead of `ask`."),
    into=_text(64, "The argument that takes the draft."),
    most_tokens=_whole(1, 100_000, "The most tokens of the draft."),
)
_QUESTION["oneOf"] = [{"required": ["ask", "fields"]}, {"required": ["draft", "into"]}]

_FILL = _closed(
    "What the gateway fills an argument with.",
    credential=_text(200, "The name of one of `upstream_credentials`, in the gateway's settings."),
    value={"description": "The same value in every call."},
    omit={
        "const": True,
        "description": "true never sends an argument that the upstream doesn't require.",
        "errorMessage": "must be true",
    },
)
_FILL["oneOf"] = [{"required": [key]} for key in ("credential", "value", "omit")]

_GUARD: _Schema = {
    "enum": ["off", "report", "block"],
    "description": "What to do with an answer that contains instructions for a model.",
    "errorMessage": "must be off, report or block",
}

_APP: _Schema = {
    "description": "Show the answer to a person in hosts that support MCP Apps: a view, or a mapping.",
    "if": {"type": "string"},
    "then": {
        "enum": list(VIEWS),
        "errorMessage": f"must be {', '.join(VIEWS[:-1])} or {VIEWS[-1]}, or a mapping with `view`",
    },
    "else": {
        **_closed(
            "A view with more decisions.",
            ("view",),
            view={
                "enum": list(VIEWS),
                "description": "How the answer is shown; a form also sends what a person fills in.",
                "errorMessage": f"must be {', '.join(VIEWS[:-1])} or {VIEWS[-1]}",
            },
            title=_text(200, "The heading; by default the tool's title."),
            fields=_fields("The columns of a table or the lines of a card, as paths in a record."),
            at={**_FIELD, "description": "The path of the list or record in the answer."},
            row=_name("The tool with a card that shows a row of the table."),
            submit=_name("The tool that a form calls."),
        ),
        "errorMessage": f"must be {', '.join(VIEWS[:-1])} or {VIEWS[-1]}, or a mapping with `view`",
    },
}

_MEMBER: _Schema = {
    "type": "string",
    "pattern": r"^[^.\[\]\s]+(\.[^.\[\]\s]+)*$",
    "errorMessage": "is not a field of an answer; write it like id or job.state",
}
_STATES: _Schema = {
    "type": "array",
    "items": {
        "type": ["string", "boolean", "integer"],
        # Empty text stands for an answer without a state.
        "minLength": 1,
        "errorMessage": "must be a text, a whole number, true or false",
    },
    "minItems": 1,
    "errorMessage": "must be a list of states, such as [queued, running]",
}
_TASK = _closed(
    "The job that the tool starts, which clients follow as a task.",
    ("status", "id", "state", "states"),
    status=_name("The tool that tells how far the job is."),
    result=_name("The tool that gets the job's result, if the status is not the result."),
    cancel=_name("The tool that ends the job."),
    id={**_MEMBER, "description": "The field of the start's answer that holds the job's id."},
    state={**_MEMBER, "description": "The field of both answers that holds the job's state."},
    states=_closed(
        "The API's states; any other one means that the job goes on.",
        ("completed",),
        working={**_STATES, "description": "States of a job that goes on."},
        completed={**_STATES, "description": "States of a job whose result is there."},
        failed={**_STATES, "description": "States of a job that ended without a result."},
        cancelled={**_STATES, "description": "States of a job that somebody ended."},
    ),
    message={**_MEMBER, "description": "The field that says in words how far the job is."},
    poll={
        **_whole(1, 3600, "Seconds that a client should wait before it asks again."),
        "default": POLL,
    },
    ttl={
        **_whole(60, 2_592_000, "Seconds from the start for which a client may ask."),
        "default": TTL,
    },
)

_TOOL = _closed(
    "One tool: an operation, and the decisions about it.",
    operation=_text(
        2000,
        "`METHOD /path` or the operationId, from the OpenAPI document; the tool's name, of an MCP server.",
    ),
    graphql=_GRAPHQL,
    title=_text(200, "The name that people see on the consent page."),
    icons=_ICONS,
    output={
        "const": "publish",
        "description": "Publish the schema of the answer, which then every answer is checked against.",
        "errorMessage": "must be publish, or left out",
    },
    description=_text(
        8000, "The description by which the model decides whether and how to use the tool."
    ),
    scope={
        "enum": [READ, WRITE, ADMIN],
        "description": "The scope that a connection must have been granted.",
        "errorMessage": f"must be {READ}, {WRITE} or {ADMIN}",
    },
    toolsets={
        "type": "array",
        "items": {"type": "string", "pattern": _NAME},
        "description": "Groups that a person can allow together; read or write is always added.",
        "errorMessage": "must be a list of names (letters, digits, _ and -), written without @",
    },
    bind={
        "type": "object",
        "additionalProperties": _CLAIM,
        "description": "Argument to the claim that fills it; the model can't see or set it.",
        "errorMessage": "must be a mapping of argument to claim, such as `org_id: tenant_id`",
    },
    fill={
        "type": "object",
        "minProperties": 1,
        "additionalProperties": _FILL,
        "description": "Argument to what the gateway fills it with; the model can't see or set it.",
        "errorMessage": "must be a mapping of argument to `credential: NAME`, `value: …` or `omit: true`",
    },
    check={
        "type": "object",
        "minProperties": 1,
        "propertyNames": _FIELD,
        "additionalProperties": _CLAIM,
        "description": "Field of the answer, such as tasks[].org_id, to the claim that it must equal.",
        "errorMessage": "must be a mapping of field to claim, such as `tasks[].org_id: tenant_id`",
    },
    shape=_closed(
        "Which parts of the answer the model reads.",
        fields=_fields("Keep only these fields of the answer."),
        redact=_fields("Fields whose value is never shown."),
        paging=_closed(
            "How the list is paginated, if the document doesn't tell.",
            ("argument", "next"),
            argument=_text(64, "The argument that asks for the next page."),
            next={**_FIELD, "description": "The field of the answer that holds the value for it."},
            size=_text(64, "The argument that sets how many items a page holds."),
            most=_whole(1, 100_000, "The largest value of `size`."),
        ),
        most_bytes={
            **_whole(1024, 4 << 20, "Bytes of an answer that are shown; the rest is cut."),
            "default": 65536,
        },
        guard=_GUARD,
    ),
    limits=_closed(
        "How often one tenant may call the tool, in addition to its tier's limits.",
        per_minute=_whole(1, 1_000_000, "Calls a minute."),
        concurrent=_whole(1, 10_000, "Calls at once."),
    ),
    billing=_closed(
        "What a call counts in quotas and on the invoice.",
        meter={
            "type": "string",
            "pattern": "^[a-z][a-z0-9_]{0,63}$",
            "default": "calls",
            "description": "The meter to which the units are added.",
            "errorMessage": "must be a name of lower-case letters, digits and _, such as calls",
        },
        units={**_whole(1, 1_000_000, "How many units a call costs."), "default": 1},
        when={
            "enum": ["success", "always", "never"],
            "default": "success",
            "description": "Whether calls cost their units only if they succeed, whenever your API "
            "was called, or never.",
            "errorMessage": "must be success, always or never",
        },
    ),
    confirm={
        "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": r"\S", "maxLength": 500}],
        "default": False,
        "description": "Ask the person before each call; a text is the question.",
        "errorMessage": "must be true, false or the question to ask",
    },
    approval={
        "type": "boolean",
        "default": False,
        "description": "An admin of the caller's organisation must approve each call.",
        "errorMessage": "must be true or false",
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
        "description": "Questions for arguments that the model left out, in rounds.",
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
        "description": "Argument to the N of the header Mcp-Param-N, in which clients repeat it.",
        "errorMessage": "must be a mapping of argument to header name, such as `region: Region`",
    },
    slashes=_names("Arguments at the path's end that may contain slashes, such as a file's path."),
    app=_APP,
    task=_TASK,
    slow=_flag("Whether a waiting client receives progress notifications."),
    deadline={
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": LONGEST_DEADLINE,
        "default": 30,
        "description": "Seconds a call may take.",
        "errorMessage": f"must be a number of seconds above 0 and up to {LONGEST_DEADLINE}",
    },
    read_only=_flag("Whether the tool changes nothing; by default, as its HTTP method says."),
    destructive=_flag("Whether its changes can't be undone."),
    idempotent=_flag("Whether repeating a call changes nothing more."),
    open_world={
        **_flag("Whether a call may reach beyond the API's own data, such as sending an e-mail."),
        "default": False,
    },
    version=_text(40, "The tool's version, for people."),
    deprecated=_flag("Whether to tell the model to stop using the tool."),
    sunset={
        **_DATE,
        "description": "The last day on which the tool is served, such as 2027-06-30.",
    },
    replaced_by=_name("The tool to use instead."),
    calls={
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_CALLS,
        "items": _CALL,
        "description": "Calls of other tools that this one makes in order, instead of `operation`.",
        "errorMessage": f"must be a list of 1 to {MOST_CALLS} calls such as [{{as: task, tool: get_task}}]",
    },
    input={
        "type": "object",
        "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]{0,63}$"},
        "additionalProperties": {"type": "object"},
        "description": "JSON Schema of each argument that is not simply one of a called tool.",
        "errorMessage": "must be a mapping of argument to its JSON Schema",
    },
    result={
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "string"},
        "description": "Member of the answer to its path, such as `title: task.title`.",
        "errorMessage": "must be a mapping of names to paths, such as `title: task.title`",
    },
    former={
        "type": "array",
        "minItems": 1,
        "maxItems": 20,
        "items": _closed(
            "A name that the tool had before.",
            ("name", "until"),
            name=_name("The former name, which no tool has now."),
            arguments={
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": "string"},
                "description": "Former name of an argument to its present one.",
                "errorMessage": "must be a mapping of former to present names, such as `id: task_id`",
            },
            until={
                **_DATE,
                "description": "The last day on which calls by this name are accepted.",
            },
        ),
        "description": "Names that the tool had before, by which clients may still call it.",
        "errorMessage": "must be a list such as [{name: old_name, until: 2027-06-30}]",
    },
    expose={**_flag("false keeps the tool out."), "default": True},
)
_TOOL["oneOf"] = [{"required": [key]} for key in ("operation", "graphql", "calls")]

_COMPLETE = _closed(
    "Where completions come from: values that a tool lists for the caller.",
    ("tool", "values"),
    tool=_name("A read-only tool that needs no arguments."),
    values={**_FIELD, "description": "The field of its answer that holds the values."},
)

_PROMPT = _closed(
    "A text that a person can start from.",
    ("text",),
    title=_text(200, "The name that people see."),
    icons=_ICONS,
    description=_text(2000, "The purpose of the prompt."),
    arguments={
        "type": "object",
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": _closed(
            "An argument that a person fills in.",
            description=_text(1000, "The value to fill in."),
            required=_flag("Whether the argument is required."),
            values={
                "type": "array",
                "items": {"type": "string", "maxLength": 200},
                "minItems": 1,
                "maxItems": 1000,
                "description": "The possible values, offered as completions.",
                "errorMessage": "must be a list of texts, such as [low, high]",
            },
            complete=_COMPLETE,
        ),
        "description": "The arguments that replace `{{name}}` in the text.",
        "errorMessage": "must be a mapping of names to their description",
    },
    text=_text(50_000, "The prompt; `{{name}}` is replaced by the argument."),
    attach=_names("Resources that precede the text."),
    tools=_names("Tools that the prompt needs; callers who may not use all of them don't see it."),
)
_RESOURCE = _closed(
    "A document that a model may read.",
    title=_text(200, "The name that people see."),
    icons=_ICONS,
    description=_text(2000, "The subject of the document."),
    mime_type={
        "type": "string",
        "pattern": r"^[a-z]+/[a-z0-9.+-]+$",
        "default": "text/markdown",
        "description": "The document's media type.",
        "errorMessage": "must be a media type, such as text/markdown",
    },
    text=_text(1_000_000, "The text itself."),
    file=_text(1000, "Path of a file beside the manifest, instead of `text`."),
    tool=_name("A read-only tool that reads it, instead of `text`."),
    complete={
        "type": "object",
        "minProperties": 1,
        "additionalProperties": _COMPLETE,
        "description": "Argument in the URI to where its completions come from.",
        "errorMessage": "must be a mapping of argument to `tool` and `values`",
    },
    uri={
        "type": "string",
        "pattern": r"^[a-z][a-z0-9+.-]*:[^\s{}]*(\{[A-Za-z0-9_]+\}[^\s{}]*)*$",
        "maxLength": 500,
        "description": "The URI for clients, with `{argument}` for each argument of `tool`.",
        "errorMessage": "must be a URI, such as orbit://guide or orbit://tasks/{id}",
    },
)
_RESOURCE["oneOf"] = [{"required": ["text"]}, {"required": ["file"]}, {"required": ["tool"]}]


_VALUE_AT: _Schema = {
    "type": "string",
    "pattern": PLACE_PATTERN,
    "errorMessage": "is not a field of an event; write it like data.task.id",
}
_EVENT = _closed(
    "One webhook of the API, by which it tells that data has changed.",
    ("tenant", "on"),
    signature={
        "enum": ["standard_webhooks", "timestamped"],
        "default": "standard_webhooks",
        "description": "How messages are signed: as Standard Webhooks, or with `t=…,v1=…` in a header.",
        "errorMessage": "must be standard_webhooks or timestamped",
    },
    header={
        "type": "string",
        "pattern": "^[A-Za-z0-9-]{1,64}$",
        "default": "Stripe-Signature",
        "description": "The header of a `timestamped` signature.",
        "errorMessage": "must be the name of a header",
    },
    type={**_VALUE_AT, "default": "type", "description": "The field with the event's type."},
    id={
        **_VALUE_AT,
        "default": "id",
        "description": "The field with the event's id, for a `timestamped` signature.",
    },
    tenant={**_VALUE_AT, "description": "The field with the tenant's id."},
    on={
        "type": "object",
        "minProperties": 1,
        "description": "Type of an event to what it changes; events of other types are ignored.",
        "errorMessage": "must be a mapping of types to what changes",
        "additionalProperties": _closed(
            "What an event of this type changes.",
            updates={
                "type": "object",
                "minProperties": 1,
                "description": "Resource to the fields that fill the arguments in its URI.",
                "errorMessage": "must be a mapping of resources, such as `task: {id: data.id}`",
                "additionalProperties": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": _VALUE_AT,
                    "errorMessage": "must be a mapping of arguments to fields, such as `id: data.id`",
                },
            },
            data_scope={
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": f"^{_KIND_NAME}$"},
                "additionalProperties": _VALUE_AT,
                "description": "Kind of the data scope to the field with the record's value.",
                "errorMessage": "must be a mapping of kinds to fields, such as `team: data.team`",
            },
            list_changed=_flag("Whether the list of resources has changed, too."),
        ),
    },
)
_SKILL = _closed(
    "Instructions for a model about some of the tools (MCP Skills).",
    ("description",),
    description=_text(1024, "What the skill is for, and when a model should read it."),
    text=_text(1_000_000, "The instructions, in Markdown and without frontmatter."),
    file=_text(1000, "Path of a file beside the manifest, instead of `text`."),
    tools=_names(
        "Tools that the skill needs, beside those that it names in code; callers who may not use all "
        "of them don't see it."
    ),
)
_SKILL["oneOf"] = [{"required": ["text"]}, {"required": ["file"]}]


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
        "The tools of an API that AI agents may use. The gateway serves nothing else.",
        ("version", "name", "tools"),
        version={"const": 1, "description": "Always 1.", "errorMessage": "must be 1"},
        name=_text(200, "The product's name."),
        website={
            "type": "string",
            "pattern": r"^https://[^\s/]+(/[^\s]*)?$",
            "maxLength": 500,
            "description": "The product's website, which clients may show.",
            "errorMessage": "must be an https URL",
        },
        icons=_ICONS,
        openapi=_text(1000, "Path of the OpenAPI document, relative to the manifest."),
        mcp=_text(1000, "Path of the tool list of an MCP server, relative to the manifest."),
        hosts={
            "type": "array",
            "items": {"type": "string", "pattern": r"^[A-Za-z0-9.-]+(:\d{1,5})?$"},
            "description": "Hosts to which operations with their own server may be sent.",
            "errorMessage": "must be a list of hosts, such as [uploads.example.com]",
        },
        search_above=_whole(
            1,
            10_000,
            "Callers who may use more tools than this get three tools to find and use them.",
        ),
        ask_purpose={
            "type": "boolean",
            "default": False,
            "description": "Give each tool an optional argument by which a model says what it is "
            "trying to do. The API never gets it.",
            "errorMessage": "must be true or false",
        },
        guard={**_GUARD, "default": "off"},
        tools=_named("Tool name to tool.", _TOOL, "must be a mapping of tool names to tools"),
        prompts=_named("Prompt name to prompt.", _PROMPT, "must be a mapping of names to prompts"),
        resources=_named("Name to resource.", _RESOURCE, "must be a mapping of names to resources"),
        events=_named("Name to webhook.", _EVENT, "must be a mapping of names to webhooks"),
        skills={
            **_named("Name to skill.", _SKILL, "must be a mapping of names to skills"),
            "propertyNames": {
                "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
                "maxLength": 64,
                "errorMessage": "a name is 1 to 64 letters from a to z, digits and single - between them",
            },
        },
    ),
}
_VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA, offline=True)
_KIND = jsonschema_rs.ValidationErrorKind
_USUAL = {"string": "must be text", "boolean": "must be true or false"}
"""The fix for a value of another type than this one, where the schema does not have its own words."""


def manifest_problems(source: Mapping[str, Any]) -> list[str]:
    """List a manifest's violations of the schema, each as `tools.NAME.key: the fix`."""
    found = [problem for error in _VALIDATOR.iter_errors(source) for problem in _explain(error)]
    return list(dict.fromkeys(found))


def claim_problem(claim: object) -> str | None:
    """Return the problem with a binding's claim, or None."""
    if jsonschema_rs.is_valid(_CLAIM, claim):
        return None
    return f"{claim!r} {_CLAIM['errorMessage']}"


def date_of(text: str) -> date | None:
    """Parse a date; return None if it does not exist."""
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
            message = node.get("errorMessage", "is not a valid name here")
            yield f"{_join(place, name)}: {message}"
        case _:
            if "errorMessage" not in node and error.schema_path[-2:-1] == ["items"]:
                node = _schema_at(list(error.schema_path)[:-2])
            message = node.get(
                "errorMessage", _USUAL.get(str(node.get("type")), "must be a mapping")
            )
            shown = f"{error.instance!r} " if message.startswith("is not a ") else ""
            yield f"{place}: {shown}{message}"


def _schema_at(path: list[Any]) -> Any:
    node: Any = SCHEMA
    for part in path:
        node = node[part]
    return node


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
