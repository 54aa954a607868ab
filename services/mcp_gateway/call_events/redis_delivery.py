"""Deliver call events to a stream in Redis, from which a worker writes the call log."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import orjson

from gatepost.health import RedisReport
from gatepost.metering.call_event import (
    EVENTS_FIELD,
    PARTITIONS,
    CallEvent,
    calls_stream,
    events_stream,
    read_event,
    write_events,
)
from mcp_gateway.call_events.port import DeliveryFailed
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.resp import RedisUnavailable

MOST_ENTRIES = 10_000
"""Length at which the stream counts as full: the worker has stopped, and Redis has other data to
hold. The spool on the disk has more room."""

SettleEvent = Callable[[CallEvent], Awaitable[object]]
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
        self._streams = (self._key, *(calls_stream(issuer, n) for n in range(PARTITIONS)))
        self._most = most_entries

    async def report(self) -> RedisReport:
        """Return whether Redis answers, and how many entries wait in the streams since when."""
        try:
            answers = await asyncio.gather(
                *(self._redis.ask("XLEN", key) for key in self._streams),
                *(self._redis.ask("XRANGE", key, "-", "+", "COUNT", 1) for key in self._streams),
            )
        except RedisUnavailable:
            return RedisReport(up=False)
        lengths, firsts = answers[: len(self._streams)], answers[len(self._streams) :]
        # An entry's id begins with the time at which it was added, in milliseconds.
        added = [int(entry[0].partition(b"-")[0]) for found in firsts for entry in found or ()]
        return RedisReport(
            up=True,
            entries=sum(lengths),
            oldest_at=datetime.fromtimestamp(min(added) / 1000, UTC) if added else None,
        )

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
