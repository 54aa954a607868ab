"""The argument by which a model says what it is trying to do, if the manifest asks for it."""

import dataclasses
from typing import Any

from mcp_gateway.catalogue.tool import Tool, name_purpose

_SCHEMA = {
    "type": "string",
    "maxLength": 200,
    "description": "What you are trying to do, in a few words such as `prepare the weekly report`. "
    "Leave out names and personal data. It does not change the result.",
}


def ask_purpose(tool: Tool) -> Tool:
    """Return a tool with the optional argument, under a name that its operation does not have.

    The tool's validators stay what they are, because `validate_arguments` removes the argument before them.
    """
    properties: dict[str, Any] = tool.input_schema["properties"]
    name = name_purpose(tool)
    schema = {**tool.input_schema, "properties": {**properties, name: _SCHEMA}}
    return dataclasses.replace(tool, input_schema=schema, purpose=name)
