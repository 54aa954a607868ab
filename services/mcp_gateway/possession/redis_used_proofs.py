"""Used DPoP proofs in Redis, where all processes of one gateway see them."""

import structlog

from gatepost.clock import Now
from gatepost.proofs.dpop import Proof
from mcp_gateway.possession.used_proofs import LocalUsedProofs, TooManyProofs
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.resp import RedisUnavailable

_MARGIN = 60
"""Seconds for which a used proof is remembered longer, since clocks differ."""

log = structlog.get_logger()


class RedisUsedProofs:
    """Keeps one key for each used proof until it has expired.

    While Redis is down, a proof counts once in each process, so that calls go on. Each process also
    remembers its proofs at other times, so that none counts again when Redis goes or comes back.
    """

    def __init__(self, redis: RedisConnection, *, resource: str, now: Now) -> None:
        """Take the connection that calls share, and the resource, which prefixes the keys."""
        self._redis = redis
        self._prefix = f"gatepost:{resource}:proof:"
        self._now = now
        self._here = LocalUsedProofs(now)
        self._away = False

    async def use(self, proof: Proof) -> bool:
        """Use a proof; return whether this is its first use.

        Raises:
            TooManyProofs: Redis is down, and the proof can't be remembered here.
        """
        remembered = True
        try:
            if not await self._here.use(proof):
                return False
        except TooManyProofs:
            remembered = False
        left = max(proof.expires_at - int(self._now().timestamp()), 0) + _MARGIN
        try:
            answer = await self._redis.ask("SET", self._prefix + proof.id, 1, "NX", "EX", left)
        except RedisUnavailable as problem:
            if not self._away:
                log.warning("proofs_not_shared", reason=str(problem))
            self._away = True
            if not remembered:
                raise TooManyProofs from None
            return True
        self._away = False
        return answer is not None
