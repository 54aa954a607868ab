"""Read the units that a tenant has used, once for all calls that wait for them."""

import asyncio
from datetime import datetime, timedelta

from gatepost.clock import Now
from gatepost.metering.plans import UsedUnits
from mcp_gateway.limits.port import ReadUsage, UsageUnknown

_PAUSE = timedelta(seconds=5)
"""How long a failed read answers for the tenant, so that calls do not wait for a server that is down."""
_MANY = 10_000


class Seeding:
    """Shares reads of one tenant's month between calls."""

    def __init__(self, read: ReadUsage, now: Now) -> None:
        """Take the function that asks the authorization server."""
        self._read = read
        self._now = now
        self._under_way: dict[tuple[str, str, str], asyncio.Future[UsedUnits]] = {}
        self._failed: dict[tuple[str, str, str], datetime] = {}

    async def read(self, tenant_id: str, month: str, env: str) -> UsedUnits:
        """Return the used units.

        Raises:
            UsageUnknown: the server did not answer, now or a few seconds ago.
        """
        key = (tenant_id, month, env)
        if (failed := self._failed.get(key)) is not None and self._now() < failed + _PAUSE:
            raise UsageUnknown("the authorization server did not answer a moment ago")
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(self._read(*key))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        try:
            # Shielded, because a caller that goes away must not end the read of the others.
            used = await asyncio.shield(task)
        except UsageUnknown:
            if len(self._failed) >= _MANY:
                self._failed.clear()
            self._failed[key] = self._now()
            raise
        self._failed.pop(key, None)
        return used
