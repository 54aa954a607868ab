"""Make the calls of a composite tool, in order."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from gatepost.claims import AccessClaims
from gatepost.clock import Now
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.composite import INPUT, ITEM, Composite, DeclaredCall, LeadsNowhere
from mcp_gateway.http_client.port import UNANSWERED, HttpResponse
from mcp_gateway.limits.call_limits import CallLimits
from mcp_gateway.limits.states import count
from mcp_gateway.pipeline.bindable_claims import resolve_claim
from mcp_gateway.pipeline.call import (
    CallMetrics,
    Next,
    Step,
    ToolCall,
    ToolResult,
    skipped,
    tool_error,
)
from mcp_gateway.pipeline.describe_call import outcome_of
from mcp_gateway.pipeline.steps.composing.keep_answer import Kept, keep_answer
from mcp_gateway.results.answer import Answer
from mcp_gateway.results.exact import write_json
from mcp_gateway.work.worker import LONG

MOST_BYTES = 4 << 20
"""Bytes of all answers together."""
Chain = Callable[[Sequence[Step]], Next]


class _Stopped(Exception):
    """A call was not made, or failed."""

    def __init__(self, call: DeclaredCall, result: ToolResult) -> None:
        super().__init__(call.name)
        self.call = call
        self.result = result


@dataclass(frozen=True, slots=True)
class Composing:
    """What making calls needs."""

    steps: Sequence[Step]
    """The steps of each call, from its validation to the check of its answer."""
    chain: Chain
    """Composes steps."""
    shape: Step
    """Shapes the answer."""
    limits: CallLimits
    now: Now


def make_calls(catalogue: Catalogue, composing: Composing) -> Step:
    """Make the calls of a composite tool, each through the steps of a single call, and shape one answer.

    The calls share the tool's deadline. The first one that fails ends the call: the answer tells which
    were made and what they answered, and nothing is undone. Each carries an id, and so an idempotency key, of
    its own. Single calls pass this step.
    """

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        composite = call.found.composite
        return go_on(call) if composite is None else _make(composing, call, composite)

    composed = any(tool.composite is not None for tool in catalogue.tools.values())
    return step if composed else skipped


async def _make(composing: Composing, call: ToolCall, composite: Composite) -> ToolResult:
    if (missing := missing_claim(call.caller, composite)) is not None:
        said = f"This tool needs the claim {missing}, which this connection does not have. Nothing was done."
        return tool_error(said, reason="claim_missing")
    if composite.sums:
        call.metrics.units = 0
    until = composing.now() + timedelta(seconds=call.found.deadline)
    run = _Run(composing, call, until)
    try:
        for declared in composite.calls:
            if declared.when is None or declared.when.holds(run.known):
                await run.make(declared)
    except _Stopped as stopped:
        return await run.tell(composite, stopped)
    return await run.answer(composite.select(run.known))


class _Run:
    """One call of a composite tool, as far as it came."""

    def __init__(self, composing: Composing, call: ToolCall, until: datetime) -> None:
        self._composing = composing
        self._call = call
        self._until = until
        self.known: dict[str, Any] = {INPUT: call.arguments}
        self._done: Counter[str] = Counter()
        """The calls that were answered, by name."""
        self._kept: dict[str, Any] = {}
        """The answers by the name of their call, also of a call that failed at a later item."""
        self._size = 0

    async def make(self, declared: DeclaredCall) -> None:
        """Make a call, or one for each item of its list."""
        try:
            if declared.for_each is None:
                answer = await self._send(declared, declared.fill(self.known), "")
            else:
                answer = self._kept[declared.name] = []
                for place, item in enumerate(_items_of(declared, self.known)):
                    arguments = declared.fill({**self.known, ITEM: item})
                    answer.append(await self._send(declared, arguments, f".i{place}"))
        except LeadsNowhere as problem:
            said = f"{problem}. {declared.tool.name} needs it, and was not called."
            raise _Stopped(declared, tool_error(said, reason="path_missing")) from None
        self.known[declared.name] = self._kept[declared.name] = answer

    async def answer(self, value: Mapping[str, Any]) -> ToolResult:
        """Shape an answer made of those of the calls."""
        write = partial(write_json, value)
        try:
            body = await self._composing.limits.worker.run(write) if self._size > LONG else write()
        except ValueError:
            said = "The answers are nested too deeply to show them."
            return tool_error(said, reason="unshapeable", decision="failed")
        response = HttpResponse(200, "application/json", body)
        if self._call.metrics.trace is not None:
            self._call.metrics.trace.note_answer(response)
        answered = self._call.with_response(response).with_answer(Answer(value, body))
        return await self._composing.shape(answered, _end)

    async def tell(self, composite: Composite, stopped: _Stopped) -> ToolResult:
        """Tell which call failed, which were made before and what they answered, and which were not made."""
        result, failed = stopped.result, stopped.call
        text = result.content[0].get("text", "") if result.content else ""
        sent = self._call.metrics.sent
        lines = [f"{failed.name} ({failed.tool.name}): {text}"]
        if result.reason in UNANSWERED:
            lines.append("Nobody knows whether it was done.")
        made = [
            _describe(one, self._done[one.name]) for one in composite.calls if self._done[one.name]
        ]
        if made:
            lines.append(f"Made before: {', '.join(made)}. Nothing of it was undone.")
        after = composite.calls[composite.calls.index(failed) + 1 :]
        if after and sent:
            lines.append(f"Not made: {', '.join(one.name for one in after)}.")
        content, meta = [{"type": "text", "text": "\n".join(lines)}], result.meta
        if made and self._kept:
            shaped = await self.answer(self._so_far(composite))
            content, meta = content + shaped.content, shaped.meta
        if not sent:
            return result._replace(content=content, meta=meta)
        status = self._call.metrics.status
        return result._replace(content=content, meta=meta, decision="failed", status=status)

    def _so_far(self, composite: Composite) -> Mapping[str, Any]:
        """Return the answers of the calls that were made.

        The fields that `shape` and the model name are fields of the tool's own answer, so these choose from it.
        """
        if self._call.found.compiled_shape.edit is None and not self._call.fields:
            return {"made": self._kept}
        return composite.select({INPUT: self._call.arguments, **self._kept})

    async def _send(self, declared: DeclaredCall, arguments: Mapping[str, Any], item: str) -> Any:
        if self._composing.limits.is_revoked(self._call.caller):
            said = f"This connection was ended before {declared.tool.name} was called."
            raise _Stopped(declared, tool_error(said, reason="connection_ended"))
        left = (self._until - self._composing.now()).total_seconds()
        if left <= 0:
            said = f"The time for this call was over before {declared.tool.name} was called."
            raise _Stopped(declared, tool_error(said, reason="too_slow", decision="failed"))
        kept: list[Kept] = []
        keep = keep_answer(self._composing.shape, self._composing.limits.worker, kept.append)
        send = self._composing.chain((*self._composing.steps, keep))
        outer = self._call.metrics
        inner = ToolCall(
            id=f"{self._call.id}.{declared.name}{item}",
            caller=self._call.caller,
            name=declared.tool.name,
            arguments=arguments,
            metrics=CallMetrics(started=outer.started, trace=outer.trace),
            conversation=self._call.conversation,
            tool=declared.tool,
            waited=max(0.0, declared.tool.deadline - left),
        )
        result = None
        try:
            result = await send(inner)
        finally:
            outcome = "success" if kept else outcome_of(inner, result)
            if outer.units is not None:
                outer.units += declared.tool.billing.due(outcome)
            outer.sent = outer.sent or inner.metrics.sent
            outer.calls_made += inner.metrics.sent
            outer.seconds += inner.metrics.seconds
            outer.retries += inner.metrics.retries
            outer.status = inner.metrics.status if inner.metrics.sent else outer.status
        if not kept:
            raise _Stopped(declared, result)
        [answer] = kept
        self._done[declared.name] += 1
        self._size += answer.size
        if self._size > MOST_BYTES:
            self._kept.clear()
            said = f"The answers are longer than {MOST_BYTES >> 20} MiB together. Request less."
            raise _Stopped(declared, tool_error(said, reason="too_large", decision="failed"))
        return answer.value


def missing_claim(caller: AccessClaims, composite: Composite) -> str | None:
    """Return a claim that some call needs and the token does not have; known before anything is sent."""
    for declared in composite.calls:
        tool = declared.tool
        for claim in (*tool.bindings.values(), *(check.claim for check in tool.checks)):
            if not resolve_claim(caller, claim):
                return claim
    return None


def _items_of(declared: DeclaredCall, known: Mapping[str, Any]) -> list[Any]:
    assert declared.for_each is not None  # noqa: S101 - the caller looked
    items = declared.for_each.find(known)
    if not isinstance(items, list):
        said = f"{declared.for_each} is not a list, for whose items {declared.tool.name} is called."
        raise _Stopped(declared, tool_error(said, reason="path_missing"))
    if len(items) > declared.most:
        said = (
            f"{declared.for_each} has {len(items)} items, and {declared.tool.name} is called for at most "
            f"{declared.most}. It was not called. Request less at a time."
        )
        raise _Stopped(declared, tool_error(said, reason="too_many_items"))
    return items


def _describe(declared: DeclaredCall, times: int) -> str:
    many = f", {count(times, 'time')}" if declared.for_each is not None else ""
    effect = "reads" if declared.tool.read_only else "changes data"
    return f"{declared.name} ({declared.tool.name}, {effect}{many})"


async def _end(call: ToolCall) -> ToolResult:
    raise RuntimeError("the last step called the rest")
