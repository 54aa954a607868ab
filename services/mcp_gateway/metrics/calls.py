"""What requests and calls add to."""

from gatepost.metering.call_event import CallEvent
from gatepost.metrics.series import Page
from mcp_gateway.metrics.names import (
    CALLS,
    DEVIATIONS,
    OPERATION,
    PLAN_REFUSALS,
    REFUSED,
    RETRIES,
    UNCOUNTED,
    UPSTREAM,
)

_OF_PLANS = frozenset({"rate_limited", "quota_exhausted", "too_many_at_once"})


class CallFigures:
    """What requests and calls add to; each costs a few dictionary look-ups."""

    def __init__(self, page: Page) -> None:
        """Add the metrics to a page."""
        self._operation = page.histogram(OPERATION)
        self._calls = page.counter(CALLS)
        self._by_plan = page.counter(PLAN_REFUSALS)
        self._uncounted = page.counter(UNCOUNTED)
        self._upstream = page.histogram(UPSTREAM)
        self._retries = page.counter(RETRIES)
        self._refused = page.counter(REFUSED)
        self._deviations = page.counter(DEVIATIONS)

    def call(self, event: CallEvent, *, known: bool) -> None:
        """Count a tool call; the name of a tool that is not `known` is not shown."""
        failed = event.decision != "allowed" or event.outcome != "success"
        error = (event.reason or "tool_error") if failed else ""
        tool = event.tool if known else ""
        self._operation.observe(("tools/call", tool, error), event.duration_ms / 1000)
        self._calls.add((event.api, event.decision, event.reason))
        if event.upstream_ms:
            self._upstream.observe((event.api, event.outcome), event.upstream_ms / 1000)
        if event.retries:
            self._retries.add((event.api,), event.retries)
        if event.reason in _OF_PLANS:
            self._by_plan.add((event.tier, event.reason))
        if not event.counted:
            self._uncounted.add()

    def deviation(self, tool: str) -> None:
        """Count an answer that does not match the output schema of a tool of the catalogue."""
        self._deviations.add((tool,))

    def request(self, method: str, error: str, seconds: float) -> None:
        """Count an MCP request that is not a tool call."""
        self._operation.observe((method, "", error), seconds)

    def refused(self, reason: str) -> None:
        """Count an HTTP request that was refused before its message was read."""
        self._refused.add((reason,))
