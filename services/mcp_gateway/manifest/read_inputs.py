"""Read a tool's `inputs`, and find questions that can't be asked."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import jsonschema_rs

from mcp_gateway.catalogue.inputs import Draft, Form, Inputs, Question
from mcp_gateway.text import tidy_text

_LENGTHS = ("minLength", "maxLength", "minItems", "maxItems")
_TITLED = {"type": "array", "items": {"required": ["const", "title"]}}
_FIELD = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "required": ["type"],
        "oneOf": [
            {"properties": {"type": {"enum": ["string", "integer", "number", "boolean"]}}},
            {
                "properties": {
                    "type": {"const": "array"},
                    "items": {"anyOf": [{"required": ["enum"]}, {"required": ["anyOf"]}]},
                },
                "required": ["items"],
            },
        ],
        "properties": {
            "enum": {"type": "array", "items": {"type": "string"}},
            "enumNames": {"type": "array", "items": {"type": "string"}},
            "format": {"enum": ["date", "date-time", "email", "uri"]},
            "oneOf": _TITLED,
            "items": {
                "properties": {
                    "type": {"const": "string"},
                    "enum": {"type": "array", "items": {"type": "string"}},
                    "anyOf": _TITLED,
                },
                "additionalProperties": False,
            },
            **{key: {"type": "string"} for key in ("title", "description")},
            **{key: {"type": "number"} for key in ("minimum", "maximum")},
            **{key: {"type": "integer"} for key in _LENGTHS},
            "type": True,
            "default": True,
        },
        "additionalProperties": False,
    }
)
"""The subset of JSON Schema that forms support (2025-11-25 elicitation, Requested Schema)."""


def read_inputs(source: list[Mapping[str, Mapping[str, Any]]]) -> Inputs:
    """Read the `inputs` of a tool from a manifest that matches the schema."""
    return tuple(tuple(_read(key, value) for key, value in asked.items()) for asked in source)


def input_problems(inputs: Inputs, arguments: Collection[str]) -> Iterator[str]:
    """Find questions that can't be asked, each as `.inputs.KEY: the fix`."""
    seen: set[str] = set()
    for question in (question for asked in inputs for question in asked):
        for argument in question.arguments:
            if argument not in arguments:
                known = ", ".join(sorted(arguments)) or "none"
                yield f".inputs.{question.key}: no argument {argument!r}; it has {known}"
        if question.key in seen:
            yield f".inputs.{question.key}: the name is used twice; give each question its own"
        seen.add(question.key)
        if isinstance(question, Form):
            for name, shown in question.fields.items():
                if not _FIELD.is_valid(shown):
                    yield f".inputs.{question.key}.fields.{name}: forms can't show this schema"


def _read(key: str, value: Mapping[str, Any]) -> Question:
    if "draft" in value:
        return Draft(key, tidy_text(value["draft"]), value["into"], value.get("most_tokens", 500))
    return Form(key, tidy_text(value["ask"]), value["fields"])
