"""One tool call, as it passes through the steps, and its result."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from gatepost.claims import AccessClaims
from gatepost.metering.call_event import Decision
from mcp_gateway.catalogue.jobs.job import Job
from mcp_gateway.catalogue.tool import FormerName, Tool
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.limits.port import Reservation
from mcp_gateway.named_tuples import replace_field
from mcp_gateway.pipeline.conversation import SILENT, CallRefused, Conversation
from mcp_gateway.results.answer import Answer
from mcp_gateway.results.fields import FieldPath

if TYPE_CHECKING:
    from mcp_gateway.pipeline.trace import Trace

EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(slots=True)
class CallMetrics:
    """What the call event needs to know of the steps; the only value that they mutate."""

    seconds: float = 0.0
    retries: int = 0
    status: int | None = None
    sent: bool = False
    """Whether a request may have reached the upstream."""
    calls_made: int = 0
    """The calls that a composite tool made."""
    units: int | None = None
    """What the calls of a composite tool cost that were made, if it costs no more than these."""
    started: datetime = EPOCH
    """When the call began."""
    reserved: Reservation | None = None
    """What the call holds of its tenant's plan; `record_call` settles it."""
    limited: bool = False
    """Whether a limit refused the call, which then does not count against the rate again."""
    searched: str = ""
    """The words of a search that found no tool."""
    purpose: str = ""
    """The words with which the model said what it is trying to do."""
    repaired: str = ""
    """The names of the arguments whose type was corrected."""
    trace_id: str = ""
    """The trace that records the call, if one does."""
    trace: "Trace | None" = None
    """What the steps decided, if the caller may see it."""


class ToolCall(NamedTuple):
    """A call that grows with each step; a named tuple grows at a third of a dataclass's cost."""

    id: str
    caller: AccessClaims
    name: str
    arguments: Mapping[str, Any]
    metrics: CallMetrics
    conversation: Conversation = SILENT
    tool: Tool | None = None
    """Set by `find_tool`."""
    values: Mapping[str, Any] = MappingProxyType({})
    """The operation's values: arguments and bound claims. Set by `bind_claims`."""
    waited: float = 0.0
    """Seconds of the tool's deadline that are over. Set by `guard_upstream`, and by `make_calls`."""
    response: HttpResponse | None = None
    """Set by `call_upstream`."""
    answer: Answer | None = None
    """The response's JSON, if `check_response` read it."""
    former: FormerName | None = None
    """The former name by which the client called the tool. Set by `unwrap_execute`."""
    fields: tuple[FieldPath, ...] = ()
    """The fields of the answer that the model wants; empty for all. Set by `unwrap_execute`."""

    def with_tool(self, tool: Tool) -> "ToolCall":
        """Return a copy with the tool that was found."""
        return replace_field(self, _TOOL, tool)

    def with_values(self, values: Mapping[str, Any]) -> "ToolCall":
        """Return a copy with the operation's values."""
        return replace_field(self, _VALUES, values)

    def with_response(self, response: HttpResponse) -> "ToolCall":
        """Return a copy with the upstream's answer."""
        return replace_field(self, _RESPONSE, response)

    def with_answer(self, answer: Answer) -> "ToolCall":
        """Return a copy with the parsed answer."""
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
    """The result for the model: content blocks and, if the answer was JSON, its object."""

    content: list[dict[str, Any]]
    structured: Any = None
    is_error: bool = False
    status: int | None = None
    """The upstream's HTTP status; None if there was no request or no answer."""
    decision: Decision = "allowed"
    """For the call event: allowed, refused by the gateway, or failed."""
    reason: str = ""
    """For the call event: one word if the decision is not `allowed`."""
    error: str = ""
    """For the call event: the error, without content of the arguments or the answer."""
    meta: Mapping[str, Any] | None = None
    """Metadata for clients (MCP basic, `_meta`)."""
    job: Job | None = None
    """The job that the call started and that the client follows."""


class UnknownTool(CallRefused):
    """The tool does not exist, or this caller must not know of it."""

    reason = "unknown_tool"

    def __init__(self, name: str) -> None:
        """Take the requested name, which is cut to a length that no real name has."""
        super().__init__(f"Unknown tool: {name[:128]}")


class ScopeMissing(CallRefused):
    """The tool exists, but the token lacks the scope it needs."""

    reason = "insufficient_scope"

    def __init__(self, tool: str, scope: str, way: str) -> None:
        """Take the scope, so that the client can request it.

        Args:
            tool: the tool's name.
            scope: the scope that it needs.
            way: a sentence that says how a person allows it.
        """
        self.scope = scope
        self.description = (
            f"{tool} needs the permission {scope}, which this connection does not have."
        )
        super().__init__(f"{self.description} Nothing was done. {way}")


class RateLimited(CallRefused):
    """The tenant calls too often; `seconds` is the time to wait, a whole number."""

    reason = "rate_limited"

    def __init__(self, why: str, seconds: float) -> None:
        """Take the limit in words, and the seconds until another call is allowed."""
        self.seconds = max(math.ceil(seconds), 1)
        super().__init__(f"{why} Nothing was done. {try_again_in(self.seconds)}")


Next = Callable[[ToolCall], Awaitable[ToolResult]]
Step = Callable[[ToolCall, Next], Awaitable[ToolResult]]


def skipped(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
    """Stand for a step that no tool of the catalogue needs; `build_steps`' users leave it out."""
    return go_on(call)


def try_again_in(seconds: float) -> str:
    """Write a sentence that tells a model when to repeat a call."""
    whole = max(1, math.ceil(seconds))
    return f"Try again in {whole} second{'s' if whole > 1 else ''}."


async def at_once(result: ToolResult) -> ToolResult:
    """Return a result from a step that does not await anything."""
    return result


def tool_error(
    text: str,
    *,
    reason: str,
    decision: Decision = "refused",
    status: int | None = None,
    error: str = "",
) -> ToolResult:
    """Return an error that the model can read and act on (MCP tools, Error Handling)."""
    content = [{"type": "text", "text": text}]
    return ToolResult(content, None, True, status, decision, reason, error)
