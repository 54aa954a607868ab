"""The trace of a call, for the playground: what each step decided, and what was sent upstream."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gatepost.clock import Now
from gatepost.metering.call_event import Decision
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.conversation import CallRefused, InputRequired
from mcp_gateway.pipeline.describe_call import outcome_of
from mcp_gateway.requests.request import HttpRequest

TRACE_META = "gatepost/trace"
"""The member of a result's `_meta` that holds the trace."""
_LONGEST_BODY = 16_384
_HIDDEN = "[hidden]"

_Decided = Literal["passed", "answered", "refused", "failed"]
_DECIDED: Mapping[Decision, _Decided] = {
    "allowed": "answered",
    "refused": "refused",
    "failed": "failed",
}


@dataclass(slots=True)
class TracedStep:
    """One step: whether it passed the call on, answered it or refused it."""

    step: str
    decided: _Decided = "failed"
    reason: str = ""
    said: str = ""
    """The refusal in words, as the model reads it."""
    ms: float = 0.0
    """The time from its begin to its decision."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to the upstream, without credentials, and the status of its answer."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    status: int | None
    content_type: str
    failure: str
    ms: float


@dataclass(slots=True)
class Trace:
    """What happened to a call, in order."""

    now: Now
    steps: list[TracedStep] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    answer: str = ""
    """The body of the upstream's answer, if it passed the checks."""
    tool: Tool | None = None
    """The tool, once it is found."""
    units: int = 0
    """The units that the call costs, or would cost without being a test."""

    def note_exchange(
        self,
        request: HttpRequest,
        outcome: HttpResponse | RequestFailed,
        secrets: Sequence[str],
        seconds: float,
    ) -> None:
        """Add a request and its outcome; `secrets` are hidden wherever the request repeats them."""

        def hide(text: str) -> str:
            for secret in secrets:
                if secret:
                    text = text.replace(secret, _HIDDEN)
            return text

        answered = outcome if isinstance(outcome, HttpResponse) else None
        self.exchanges.append(
            Exchange(
                request.method,
                hide(request.url),
                tuple((name, hide(value)) for name, value in request.headers),
                hide(_read(request.body)),
                answered.status if answered else None,
                answered.content_type if answered else "",
                "" if answered else str(outcome),
                round(seconds * 1000, 3),
            )
        )

    def note_answer(self, response: HttpResponse) -> None:
        """Take the answer that passed every check; what was withheld has no place in a trace."""
        self.answer = _read(response.body)

    def note_cost(self, call: ToolCall, result: ToolResult) -> None:
        """Take the units of a call that has ended, as its event has them."""
        if self.tool is not None and call.metrics.reserved is not None:
            self.units = self.tool.billing.due(outcome_of(call, result))

    def to_json(self) -> dict[str, Any]:
        """Write the trace for `_meta`."""
        return {
            "steps": [asdict(step) for step in self.steps],
            "exchanges": [asdict(exchange) for exchange in self.exchanges],
            "answer": self.answer,
            "units": self.units,
        }


def trace_steps(steps: Sequence[Step], now: Now) -> tuple[Step, ...]:
    """Return the steps, each of which notes what it decides; the first one adds the trace.

    A refusal becomes a tool error, because only a result has a place for the trace. Questions to the
    person stay what they are.
    """

    async def add_trace(call: ToolCall, go_on: Next) -> ToolResult:
        trace = call.metrics.trace = Trace(now)
        try:
            result = await go_on(call)
        except InputRequired:
            raise
        except CallRefused as refusal:
            result = tool_error(str(refusal), reason=refusal.reason)
        trace.note_cost(call, result)
        return result._replace(meta={**(result.meta or {}), TRACE_META: trace.to_json()})

    async def note_answer(call: ToolCall, go_on: Next) -> ToolResult:
        if call.metrics.trace is not None and call.response is not None:
            call.metrics.trace.note_answer(call.response)
        return await go_on(call)

    *others, last = (_traced(step, now) for step in steps)
    return (add_trace, *others, note_answer, last)


def name_step(step: Step) -> str:
    """Return the name of a step, which is a function or made by the function of that name."""
    return str(getattr(step, "__qualname__", "step")).partition(".")[0]


def _traced(step: Step, now: Now) -> Step:
    name = name_step(step)

    async def run(call: ToolCall, go_on: Next) -> ToolResult:
        trace = call.metrics.trace
        assert trace is not None  # noqa: S101 - `add_trace` is the first step
        noted = TracedStep(name)
        trace.steps.append(noted)
        trace.tool = call.tool
        began = now()

        def decide(decided: _Decided, reason: str = "", said: str = "") -> None:
            noted.decided, noted.reason, noted.said = decided, reason, said
            noted.ms = round((now() - began).total_seconds() * 1000, 3)

        def pass_on(onward: ToolCall) -> Awaitable[ToolResult]:
            decide("passed")
            return go_on(onward)

        try:
            result = await step(call, pass_on)
        except CallRefused as refusal:
            if noted.decided != "passed":
                decide("refused", refusal.reason, str(refusal))
            raise
        if noted.decided != "passed":
            said = result.content[0].get("text", "") if result.is_error and result.content else ""
            decided = _DECIDED[result.decision]
            decide(decided, result.reason, said)
        return result

    return run


def _read(body: bytes) -> str:
    if len(body) > _LONGEST_BODY:
        return f"{body[:_LONGEST_BODY].decode(errors='replace')}… ({len(body)} bytes)"
    return body.decode(errors="replace")
