"""The bulkhead: limits concurrent calls to one upstream, and shares them fairly among tenants."""

import asyncio
from collections import deque


class Bulkhead:
    """A number of slots, of which each tenant leaves at least as many free as it holds.

    A single tenant gets half of them, two get a third each, and a new tenant always finds one. A
    call without a slot waits in its tenant's queue, and the queues take turns. The queues have the
    same limit: together they hold as many calls as there are slots.
    """

    def __init__(self, limit: int) -> None:
        """Take the number of slots, 2 or more."""
        self._free = limit
        self._queue_free = limit
        self._held: dict[str, int] = {}
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        """Queues by tenant, in the order of their turns."""

    def take(self, tenant: str) -> bool:
        """Take a slot if one is free now."""
        held = self._held.get(tenant, 0)
        if held >= self._free or tenant in self._queues:
            return False
        self._held[tenant] = held + 1
        self._free -= 1
        return True

    async def wait(self, tenant: str, seconds: float) -> bool:
        """Wait for a slot and take it; `False` if none became free in time."""
        queue = self._queues.get(tenant, ())
        if len(queue) >= self._queue_free:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(tenant, deque()).append(turn)
        self._queue_free -= 1
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave(tenant)  # the slot was granted, but the call was cancelled
            else:
                self._drop(tenant, turn)
                self._hand_on()  # to a call that queued behind it
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def leave(self, tenant: str) -> None:
        """Return a slot, which goes to the next waiting call."""
        held = self._held[tenant] - 1
        if held:
            self._held[tenant] = held
        else:
            del self._held[tenant]
        self._free += 1
        if self._queues:
            self._hand_on()

    def _hand_on(self) -> None:
        """Give free slots to the next waiting calls."""
        for tenant in list(self._queues):
            if not self._free:
                return
            held = self._held.get(tenant, 0)
            # A cancelled call may still be in the queue; it removes itself.
            turn = next((turn for turn in self._queues[tenant] if not turn.done()), None)
            if held >= self._free or turn is None:
                continue
            self._drop(tenant, turn)
            if tenant in self._queues:
                self._queues[tenant] = self._queues.pop(
                    tenant
                )  # moves this tenant behind the others
            self._held[tenant] = held + 1
            self._free -= 1
            turn.set_result(None)

    def _drop(self, tenant: str, turn: asyncio.Future[None]) -> None:
        queue = self._queues[tenant]
        queue.remove(turn)
        self._queue_free += 1
        if not queue:
            del self._queues[tenant]
