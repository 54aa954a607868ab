"""Repeat the last settlements after a connection to Redis was lost: the server may not have them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.resp import RedisUnavailable

SECONDS = 2.0
"""How long a settlement is kept: longer than a healthy replica lags behind, and than the loss of a
connection goes unnoticed."""
_MOST = 20_000

Settle = Callable[[bytes, str], Awaitable[None]]
"""Sends a written settlement to the server that has a key; raises `RedisUnavailable`."""


class RecentSettlements:
    """Keeps what Redis acknowledged a moment ago.

    A master answers before its replicas have the change. If it dies then, the replica that takes over
    lacks it. Settling a call twice has one effect, so everything recent is sent once more.
    """

    def __init__(self, redis: RedisConnection, settle: Settle) -> None:
        """Take the connection, and the function that settles a call."""
        self._redis = redis
        self._settle = settle
        self._kept: deque[tuple[float, bytes, str]] = deque(maxlen=_MOST)
        self._losses = redis.losses

    def add(self, command: bytes, key: str) -> None:
        """Keep a settlement that Redis has acknowledged."""
        now = asyncio.get_running_loop().time()
        kept = self._kept
        kept.append((now, command, key))
        if self._redis.losses == self._losses:
            while kept[0][0] < now - SECONDS:
                kept.popleft()

    async def repeat(self) -> None:
        """Repeat what is kept, if a connection was lost since the last time."""
        losses = self._redis.losses
        if losses == self._losses:
            return
        again, self._kept = self._kept, deque(maxlen=_MOST)
        done = await asyncio.gather(*(self._try(*one) for one in again))
        if all(done):
            self._losses = losses
        self._kept.extendleft(
            one for one, settled in zip(reversed(again), reversed(done), strict=True) if not settled
        )

    async def _try(self, _: float, command: bytes, key: str) -> bool:
        try:
            await self._settle(command, key)
        except RedisUnavailable:
            return False
        return True
