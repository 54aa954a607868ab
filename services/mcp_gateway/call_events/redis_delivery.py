"""Deliver call events to a stream in Redis, from which a worker writes the call log."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import orjson

from gatepost.metering.call_event import (
    EVENTS_FIELD,
    CallEvent,
    events_stream,
    read_event,
    write_events,
)
from mcp_gateway.call_events.port import DeliveryFailed
from mcp_gateway.redis.connection import RedisConnection, RedisUnavailable

MOST_ENTRIES = 10_000
"""Length at which the stream counts as full: the worker has stopped, and Redis has other data to
hold. The spool on the disk has more room."""

SettleEvent = Callable[[CallEvent], Awaitable[None]]
"""Settles a call by its event; raises `RedisUnavailable`."""


class RedisDelivery:
    """Adds an entry for each delivery to the issuer's stream."""

    def __init__(
        self,
        redis: RedisConnection,
        settle: SettleEvent,
        *,
        issuer: str,
        most_entries: int = MOST_ENTRIES,
    ) -> None:
        """Take the connection that the whole gateway shares, and the function that settles a call."""
        self._redis = redis
        self._settle = settle
        self._key = events_stream(issuer)
        self._most = most_entries

    async def send(self, events: Sequence[bytes]) -> None:
        """Deliver some events.

        Raises:
            DeliveryFailed: Redis is unavailable, or the stream is full.
        """
        try:
            if await self._redis.ask("XLEN", self._key) >= self._most:
                raise DeliveryFailed("the stream is full; is an events-worker running?")
            refused, settled = [], []
            for written in events:
                event = read_event(orjson.loads(written))
                if event.outcome == "refused":
                    refused.append(written)
                else:
                    # Its units are counted with it, which Redis could not do when the call was made.
                    settled.append(self._settle(event))
            await asyncio.gather(*settled)
            if refused:
                await self._redis.ask("XADD", self._key, "*", EVENTS_FIELD, write_events(refused))
        except RedisUnavailable as problem:
            raise DeliveryFailed(f"redis: {problem}") from problem
