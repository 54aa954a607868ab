"""Deliver call events to a stream in Redis, from which a worker writes the call log."""

from collections.abc import Sequence

from gatepost.call_event import EVENTS_FIELD, events_stream, write_events
from mcp_gateway.call_events.port import DeliveryFailed
from mcp_gateway.redis_connection import RedisConnection, RedisUnavailable

MOST_ENTRIES = 10_000
"""Length at which the stream counts as full: the worker has stopped, and Redis has other data to
hold. The spool on the disk has more room."""


class RedisDelivery:
    """Adds an entry for each delivery to the issuer's stream."""

    def __init__(
        self, redis: RedisConnection, *, issuer: str, most_entries: int = MOST_ENTRIES
    ) -> None:
        """Take the connection that the whole gateway shares."""
        self._redis = redis
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
            await self._redis.ask("XADD", self._key, "*", EVENTS_FIELD, write_events(events))
        except RedisUnavailable as problem:
            raise DeliveryFailed(f"redis: {problem}") from problem
