"""Used confirmations in Redis, where all processes of one gateway see them."""

import structlog

from gatepost.clock import Now
from mcp_gateway.elicitation.confirmations import ConfirmationsUnavailable
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.resp import RedisUnavailable

_MARGIN = 60
"""Seconds for which a used confirmation is remembered longer, since clocks differ."""

log = structlog.get_logger()


class RedisConfirmations:
    """Keeps one key for each used confirmation until it has expired."""

    def __init__(self, redis: RedisConnection, *, resource: str, now: Now) -> None:
        """Take the connection that calls share, and the resource, which prefixes the keys."""
        self._redis = redis
        self._prefix = f"gatepost:{{{resource}}}:confirmed:"
        self._now = now

    async def redeem(self, state_id: str, expires: int) -> bool:
        """Use a confirmation; return whether this is its first use.

        Raises:
            ConfirmationsUnavailable: Redis is down.
        """
        left = max(expires - int(self._now().timestamp()), 0) + _MARGIN
        try:
            answer = await self._redis.ask("SET", self._prefix + state_id, 1, "NX", "EX", left)
        except RedisUnavailable as problem:
            log.warning("confirmation_not_redeemed", reason=str(problem))
            raise ConfirmationsUnavailable from problem
        return answer is not None
