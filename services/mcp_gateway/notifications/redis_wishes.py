"""Wishes of clients in Redis, where all processes of one gateway see them."""

from collections.abc import Awaitable
from typing import Any

from mcp_gateway.notifications.local import KEPT
from mcp_gateway.notifications.port import MOST_URIS, NotShared, TooManyWatched
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.resp import Argument, RedisUnavailable

_WATCH = """
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0
  and redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
_SECONDS = int(KEPT.total_seconds())


class RedisWishes:
    """Keeps a set of resources and a level for each client."""

    def __init__(self, redis: RedisConnection, *, resource: str) -> None:
        """Take the connection that calls share, and the resource, which prefixes the keys."""
        self._redis = redis
        self._prefix = f"gatepost:{resource}:wishes:"

    async def watch(self, subscriber: str, uri: str) -> None:
        """Add a resource.

        Raises:
            TooManyWatched: the client watches too many.
            NotShared: Redis is down.
        """
        arguments = (self._uris(subscriber), uri, MOST_URIS, _SECONDS)
        if not await self._ask("EVAL", _WATCH, 1, *arguments):
            raise TooManyWatched

    async def unwatch(self, subscriber: str, uri: str) -> None:
        """Remove a resource, if it is there.

        Raises:
            NotShared: Redis is down.
        """
        await self._ask("SREM", self._uris(subscriber), uri)

    async def watched(self, subscriber: str) -> frozenset[str]:
        """Return the resources.

        Raises:
            NotShared: Redis is down.
        """
        key = self._uris(subscriber)
        found = await self._ask("SMEMBERS", key)
        await self._ask("EXPIRE", key, _SECONDS)
        return frozenset(uri.decode() for uri in found)

    async def set_level(self, subscriber: str, level: str) -> None:
        """Keep the least level of log messages.

        Raises:
            NotShared: Redis is down.
        """
        await self._ask("SET", self._level(subscriber), level, "EX", _SECONDS)

    async def level(self, subscriber: str) -> str | None:
        """Return the least level of log messages.

        Raises:
            NotShared: Redis is down.
        """
        found = await self._ask("GET", self._level(subscriber))
        return None if found is None else str(found.decode())

    def _uris(self, subscriber: str) -> str:
        return f"{self._prefix}{subscriber}:uris"

    def _level(self, subscriber: str) -> str:
        return f"{self._prefix}{subscriber}:level"

    async def _ask(self, *command: Argument) -> Any:
        try:
            answer: Awaitable[Any] = self._redis.ask(*command)
            return await answer
        except RedisUnavailable as problem:
            raise NotShared from problem
