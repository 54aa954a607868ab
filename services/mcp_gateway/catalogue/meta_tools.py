"""The three tools that give access to a large catalogue: one finds tools, one describes, one calls.

A call through them is checked and answered like a direct call; only the tool list is shorter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mcp_gateway.catalogue.tool import ArgumentProblem
from mcp_gateway.catalogue.validation import make_validator
from mcp_gateway.results.fields import PLACE_PATTERN

SEARCH = "search_tools"
DESCRIBE = "describe_tool"
EXECUTE = "execute_tool"
MOST_FOUND = 25
FOUND = 10
_NAME = {"type": "string", "maxLength": 64, "description": "The tool's name."}


@dataclass(frozen=True, slots=True)
class MetaTool:
    """A tool about tools."""

    published: Mapping[str, Any]
    validate: Callable[[Mapping[str, Any]], Sequence[ArgumentProblem]]

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """The JSON Schema of its arguments."""
        schema: Mapping[str, Any] = self.published["inputSchema"]
        return schema


def _meta_tool(
    name: str, title: str, description: str, required: str, /, *, reads: bool, **arguments: Any
) -> tuple[str, MetaTool]:
    schema = {
        "type": "object",
        "properties": arguments,
        "required": [required],
        "additionalProperties": False,
    }
    published = {
        "name": name,
        "title": title,
        "description": description,
        "inputSchema": schema,
        "annotations": {
            "title": title,
            "readOnlyHint": reads,
            "destructiveHint": not reads,
            "idempotentHint": reads,
            "openWorldHint": False,
        },
    }
    return name, MetaTool(published, make_validator(schema))


META_TOOLS: Mapping[str, MetaTool] = MappingProxyType(
    dict(
        [
            _meta_tool(
                DESCRIBE,
                "Describe a tool",
                f"Read one tool's full description and the JSON Schema of its arguments, as "
                f"{EXECUTE} needs them.",
                "name",
                reads=True,
                name=_NAME,
            ),
            _meta_tool(
                EXECUTE,
                "Use a tool",
                f"Use a tool that {SEARCH} found. Read its arguments with {DESCRIBE} first.",
                "name",
                reads=False,
                name=_NAME,
                arguments={
                    "type": "object",
                    "description": f"The tool's own arguments, as {DESCRIBE} shows them.",
                },
                fields={
                    "type": "array",
                    "items": {"type": "string", "maxLength": 200, "pattern": PLACE_PATTERN},
                    "maxItems": 50,
                    "description": "The fields of the answer to keep, such as `id` and `owner.email`, "
                    "or `data[].id` of each item of a list; without it, the whole answer.",
                },
            ),
            _meta_tool(
                SEARCH,
                "Find tools",
                "This server has many tools; find those for a task by a few words about it, such "
                "as `create invoice`. Answers names and descriptions, best first.",
                "query",
                reads=True,
                query={
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 500,
                    "description": "A few words about what is to be done.",
                },
                limit={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MOST_FOUND,
                    "default": FOUND,
                    "description": "How many tools to answer.",
                },
            ),
        ]
    )
)
"""In the order in which they are listed."""
