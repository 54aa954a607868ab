"""Send a request again if that is safe and likely to help."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gatepost.clock import Now
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.pipeline.call import ToolCall
from mcp_gateway.pipeline.send import BROKEN, Sender, WriteRequest, tell
from mcp_gateway.pipeline.upstream import Outcome
from mcp_gateway.upstream.credentials.linked_account import ByLinkedAccount
from mcp_gateway.upstream.guards import Guards
from mcp_gateway.upstream.retries import (
    MOST_ATTEMPTS,
    Random,
    Wait,
    backoff,
    is_repeatable,
    read_retry_after,
)

_WORTH_ANOTHER = BROKEN | {429}


class RetryingSender:
    """Sends the request of a call up to three times, and records retries and duration."""

    def __init__(
        self, sender: Sender, guards: Guards, *, now: Now, wait: Wait, random: Random
    ) -> None:
        """Take the sender, the guards that limit retries, and the functions for waiting."""
        self._sender = sender
        self._guards = guards
        self._now = now
        self._wait = wait
        self._random = random

    def links_of(self, tool: Tool) -> Sequence[ByLinkedAccount]:
        """Return the credentials of a tool for which the person must have linked an account."""
        return self._sender.links_of(tool)

    async def send(self, call: ToolCall, write: WriteRequest, deadline: float) -> Outcome:
        """Send within `deadline` seconds, all attempts together.

        Raises:
            NoCredential: as for `Sender.send`.
            UnserialisableArgument: as for `Sender.send`.
        """
        began = self._now()
        try:
            outcome = await self._sender.send(call, write, call.id, deadline)
            self._guards.of(call.found).origin.budget.earn()
            if isinstance(outcome, RequestFailed) or outcome.status in _WORTH_ANOTHER:
                until = began + timedelta(seconds=deadline)
                outcome = await self._insist(call, write, outcome, until)
            return outcome
        finally:
            call.metrics.seconds = (self._now() - began).total_seconds()

    async def _insist(
        self, call: ToolCall, write: WriteRequest, outcome: Outcome, until: datetime
    ) -> Outcome:
        """Repeat the request for as long as that is safe and likely to help."""
        attempt = 1
        while await self._worth_another(call, outcome, attempt, until):
            attempt += 1
            call.metrics.retries += 1
            left = (until - self._now()).total_seconds()
            outcome = await self._sender.send(call, write, f"{call.id}.{attempt}", left)
        return outcome

    async def _worth_another(
        self,
        call: ToolCall,
        outcome: Outcome,
        attempt: int,
        until: datetime,
    ) -> bool:
        """Wait until a repetition is likely to help; return `False` at once if it never is."""
        if isinstance(outcome, HttpResponse):
            if outcome.status not in _WORTH_ANOTHER:
                return False
            asked = read_retry_after(outcome.retry_after, self._now)
            if outcome.status == 429 and asked is None:
                return False
        elif outcome.reason == "unreachable":
            asked = None
        else:
            return False
        tool = call.found
        guard = self._guards.of(tool)
        pause = max(asked or 0.0, backoff(attempt, self._random))
        if (
            attempt >= MOST_ATTEMPTS
            or not is_repeatable(
                tool.operation.method, keyed=tool.operation.idempotency is not None
            )
            or guard.wait(call.caller.tenant_id)
            or pause >= (until - self._now()).total_seconds()
            or not guard.origin.budget.spend()
        ):
            return False
        said = f"{tell(outcome)}; retrying in {pause:.1f} seconds"
        await call.conversation.log("warning", f"{tool.title}: {said}")
        await self._wait(pause)
        return True
