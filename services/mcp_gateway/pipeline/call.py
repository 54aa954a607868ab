"""One tool call on its way through the steps, and what it ends in."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from gatepost.call_event import Decision
from gatepost.claims import AccessClaims
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.named_tuples import replace_field
from mcp_gateway.pipeline.conversation import SILENT, CallRefused, Conversation


@dataclass(slots=True)
class CallMetrics:
    """What a call cost upstream, for its event; the one thing that steps change in place."""

    seconds: float = 0.0
    retries: int = 0
    status: int | None = None


class ToolCall(NamedTuple):
    """A call as the steps so far know it; a named tuple grows at a third of a dataclass's cost."""

    id: str
    caller: AccessClaims
    name: str
    arguments: Mapping[str, Any]
    metrics: CallMetrics
    conversation: Conversation = SILENT
    tool: Tool | None = None
    """Set by `find_tool`."""
    values: Mapping[str, Any] = MappingProxyType({})
    """What fills the operation: arguments and bound claims. Set by `bind_claims`."""
    waited: float = 0.0
    """Seconds of the tool's deadline that are gone. Set by `guard_upstream`."""
    response: HttpResponse | None = None
    """Set by `call_upstream`."""
    answer: Any = None
    """The response's JSON, where it was parsed before it is shaped. Set by `check_response`."""

    def with_tool(self, tool: Tool) -> "ToolCall":
        """Go on with the tool that was found."""
        return replace_field(self, _TOOL, tool)

    def with_values(self, values: Mapping[str, Any]) -> "ToolCall":
        """Go on with what fills the operation."""
        return replace_field(self, _VALUES, values)

    def with_response(self, response: HttpResponse) -> "ToolCall":
        """Go on with the upstream's answer."""
        return replace_field(self, _RESPONSE, response)

    def with_answer(self, answer: Any) -> "ToolCall":
        """Go on with the answer parsed."""
        return replace_field(self, _ANSWER, answer)

    @property
    def found(self) -> Tool:
        """The tool, for steps after `find_tool`."""
        assert self.tool is not None  # noqa: S101 - the order of the steps
        return self.tool


_TOOL, _VALUES, _RESPONSE, _ANSWER = map(
    ToolCall._fields.index, ("tool", "values", "response", "answer")
)


class ToolResult(NamedTuple):
    """What the model reads: content blocks and, where the answer was JSON, its object."""

    content: list[dict[str, Any]]
    structured: Any = None
    is_error: bool = False
    status: int | None = None
    """The upstream's HTTP status; None where it was not asked or did not answer."""
    decision: Decision = "allowed"
    """For the record: refused here, or let through and failed."""
    reason: str = ""
    """For the record: one word where the decision is not `allowed`."""
    error: str = ""
    """For the record: what went wrong, in words that hold nothing of arguments or the answer."""
    meta: Mapping[str, Any] | None = None
    """What clients are told beside the content (MCP basic, `_meta`)."""


class UnknownTool(CallRefused):
    """No such tool, as far as this caller is concerned."""

    reason = "unknown_tool"

    def __init__(self, name: str) -> None:
        """Name the tool asked for, cut to a length no real name has."""
        super().__init__(f"Unknown tool: {name[:128]}")


class ScopeMissing(CallRefused):
    """The tool is there, but the token lacks the scope it needs."""

    reason = "insufficient_scope"

    def __init__(self, tool: str, scope: str) -> None:
        """Name the scope, so that the client can ask for it."""
        super().__init__(
            f"{tool} needs the permission {scope}, which this connection was not given. "
            "Nothing was done. Reconnect this server and allow it, then try again."
        )
        self.scope = scope


class RateLimited(CallRefused):
    """The tenant calls too often; `seconds` says how long to wait, a whole number."""

    reason = "rate_limited"

    def __init__(self, why: str, seconds: float) -> None:
        """Take the limit in words, and the seconds until there is room."""
        self.seconds = max(math.ceil(seconds), 1)
        super().__init__(f"{why} Nothing was done. {try_again_in(self.seconds)}")


Next = Callable[[ToolCall], Awaitable[ToolResult]]
Step = Callable[[ToolCall, Next], Awaitable[ToolResult]]


def try_again_in(seconds: float) -> str:
    """Tell a model when a call is worth making again."""
    whole = max(1, math.ceil(seconds))
    return f"Try again in {whole} second{'s' if whole > 1 else ''}."


async def at_once(result: ToolResult) -> ToolResult:
    """Answer, from a step that has nothing to wait for."""
    return result


def tool_error(
    text: str,
    *,
    reason: str,
    decision: Decision = "refused",
    status: int | None = None,
    error: str = "",
) -> ToolResult:
    """Answer a call with an error the model can read and act on (MCP tools, Error Handling)."""
    content = [{"type": "text", "text": text}]
    return ToolResult(content, None, True, status, decision, reason, error)
