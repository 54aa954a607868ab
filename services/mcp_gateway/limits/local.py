"""Count the calls of this process."""

from collections.abc import Sequence

from gatepost.clock import Now
from gatepost.rate import take
from mcp_gateway.limits.port import Bucket, Full

_MANY = 50_000


class LocalRateLimiter:
    """Counts the calls of one process, which gets its share of each limit."""

    def __init__(self, now: Now, *, replicas: int = 1) -> None:
        """Take the number of processes that share each limit."""
        self._now = now
        self._replicas = replicas
        self._busy_until: dict[tuple[str, str], int] = {}

    async def take(self, tenant: str, buckets: Sequence[Bucket]) -> Full | None:
        """Take capacity from every bucket, or from none."""
        return self.take_now(tenant, buckets)

    def take_now(self, tenant: str, buckets: Sequence[Bucket]) -> Full | None:
        """Take capacity from every bucket, or from none, without awaiting anything."""
        now = int(self._now().timestamp() * 1_000_000)
        taken = []
        for bucket in buckets:
            key = (tenant, bucket.name)
            busy_until, wait = take(
                self._busy_until.get(key, 0),
                now,
                interval=bucket.interval * self._replicas,
                burst=max(bucket.burst // self._replicas, 1),
            )
            if wait > 0:
                return Full(bucket.name, wait / 1_000_000)
            taken.append((key, busy_until))
        if len(self._busy_until) >= _MANY:
            self._forget(now)
        self._busy_until.update(taken)
        return None

    def describe(self) -> str:
        """Describe where calls are counted."""
        return "counted by this process"

    def _forget(self, now: int) -> None:
        """Drop the buckets that are full: they count nothing."""
        kept = {key: until for key, until in self._busy_until.items() if until > now}
        self._busy_until = kept if len(kept) < _MANY else {}
