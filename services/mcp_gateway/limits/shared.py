"""Count calls in Redis, for all processes of a gateway together."""

import hashlib
from collections.abc import Sequence
from typing import Any

import structlog

from gatepost.clock import Now
from mcp_gateway.limits.local import LocalRateLimiter
from mcp_gateway.limits.port import Bucket, Full
from mcp_gateway.redis_connection import (
    ErrorReply,
    RedisConnection,
    RedisUnavailable,
    write_command,
)

# `gatepost.rate.take` for every bucket that a call needs, in one round trip. It takes nothing if
# one of them has no capacity. All keys of a tenant share a hash tag, and thus one slot of a cluster.
SCRIPT = """
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local taken = {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local full_until = math.max(tonumber(redis.call('GET', key) or 0), now) + interval
  local wait = full_until - interval * burst - now
  if wait > 0 then return {i, string.format('%.0f', wait)} end
  taken[i] = full_until
end
for i, key in ipairs(KEYS) do
  local left = math.ceil((taken[i] - now) / 1000) + 1
  redis.call('SET', key, string.format('%.0f', taken[i]), 'PX', left)
end
return {0, '0'}
"""
_SHA = hashlib.sha1(SCRIPT.encode()).hexdigest()  # noqa: S324 - Redis names scripts by SHA-1

_MANY = 10_000

log = structlog.get_logger()


class SharedRateLimiter:
    """Counts in Redis by Redis's clock; while Redis is down, each process counts its share."""

    def __init__(
        self,
        redis: RedisConnection,
        *,
        resource: str,
        alone: LocalRateLimiter,
        now: Now | None = None,
    ) -> None:
        """Take the connection that the whole gateway shares.

        Args:
            redis: the connection.
            resource: the gateway's resource, which separates its counts from other gateways'.
            alone: counts while Redis is down.
            now: a clock to use instead of Redis's.
        """
        self._redis = redis
        self._resource = resource
        self._alone = alone
        self._now = now
        self._away = False
        self._written: dict[tuple[str, tuple[Bucket, ...]], bytes] = {}
        """Encoded commands by tenant and buckets, which nearly all calls of a tenant share."""

    async def take(self, tenant: str, buckets: Sequence[Bucket]) -> Full | None:
        """Take capacity from every bucket, or from none."""
        try:
            which, wait = await self._run(tenant, tuple(buckets))
        except RedisUnavailable as problem:
            if not self._away:
                log.warning("calls_counted_locally", reason=str(problem))
            self._away = True
            return self._alone.take_now(tenant, buckets)
        self._away = False
        return Full(buckets[which - 1].name, int(wait) / 1_000_000) if which else None

    def describe(self) -> str:
        """Describe where calls are counted."""
        away = self._away or not self._redis.is_up
        return "counted by each process: Redis is down" if away else "counted in Redis"

    async def _run(self, tenant: str, buckets: tuple[Bucket, ...]) -> Any:
        written = self._written.get((tenant, buckets))
        if written is None:
            written = write_command(("EVALSHA", _SHA, *self._arguments(tenant, buckets)))
            if self._now is None:
                if len(self._written) >= _MANY:
                    self._written.clear()
                self._written[tenant, buckets] = written
        try:
            return await self._redis.ask_written(written)
        except ErrorReply as reply:
            if not str(reply).startswith("NOSCRIPT"):
                raise
            # Redis has restarted and lost the script; EVAL loads it again.
            return await self._redis.ask("EVAL", SCRIPT, *self._arguments(tenant, buckets))

    def _arguments(self, tenant: str, buckets: tuple[Bucket, ...]) -> list[str | int]:
        prefix = f"gatepost:{{{self._resource} {tenant}}}:limit:"
        now = 0 if self._now is None else int(self._now().timestamp() * 1_000_000)
        arguments: list[str | int] = [len(buckets)]
        arguments += [prefix + bucket.name for bucket in buckets]
        arguments.append(now)
        for bucket in buckets:
            arguments += (bucket.interval, bucket.burst)
        return arguments
