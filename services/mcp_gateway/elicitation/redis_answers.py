"""Deliver answers among the processes of one gateway; a question's id names the process that asked.

An answer that reaches another process is put into the asking process's list in Redis.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager

import orjson
import structlog

from gatepost.background import in_background
from gatepost.network.redis import REDIS_ERRORS, open_redis
from mcp_gateway.elicitation.answers import Answer, AnswerNotTaken, LocalAnswers
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.resp import RedisUnavailable

# An answer is stored only if the process is present and its list is short, since a client can write
# any process into the id.
_LEAVE = """
if redis.call('EXISTS', KEYS[2]) == 0 or redis.call('LLEN', KEYS[1]) >= 1000 then return 0 end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], 60)
return 1
"""
_BLOCK_SECONDS = 5
_PRESENT_SECONDS = 30
_PAUSE = 0.5

log = structlog.get_logger()


class RedisAnswers:
    """Delivers answers to the process that waits for them."""

    def __init__(
        self,
        redis: RedisConnection,
        url: str,
        *,
        resource: str,
        new_id: Callable[[], str],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the connection that calls share, and the URL for another that waits.

        Args:
            redis: stores answers for other processes.
            url: for the connection that waits for answers to this process.
            resource: the gateway's resource, the prefix of the keys that its processes share.
            new_id: makes hexadecimal ids that nobody can guess.
            sleep: waits for that many seconds.
        """
        self._redis = redis
        self._url = url
        self._resource = resource
        self._process = new_id()
        self._local = LocalAnswers(lambda: f"{self._process}-{new_id()}")
        self._sleep = sleep

    def expect(self, principal: str) -> AbstractContextManager[tuple[str, Awaitable[Answer]]]:
        """Register a new id, which names this process."""
        return self._local.expect(principal)

    async def deliver(self, principal: str, ask_id: str, answer: Answer) -> None:
        """Deliver an answer here, or to the process that its id names.

        Raises:
            AnswerNotTaken: Redis is down; the client may send the answer again.
        """
        process = ask_id.partition("-")[0]
        if process == self._process:
            await self._local.deliver(principal, ask_id, answer)
            return
        if not process.isalnum() or len(process) > 64:
            return
        left = orjson.dumps([principal, ask_id, answer])
        try:
            await self._redis.ask("EVAL", _LEAVE, 2, *self._keys(process), left)
        except RedisUnavailable as problem:
            log.warning("answer_not_passed_on", reason=str(problem))
            raise AnswerNotTaken from problem

    def close(self) -> None:
        """End every open question of this process, and refuse new ones."""
        self._local.close()

    def listening(self) -> AbstractAsyncContextManager[None]:
        """Read the answers for this process for as long as the block lasts."""
        return in_background(self._listen)

    async def _listen(self) -> None:
        failing = False
        while True:
            redis = open_redis(self._url, timeout=_BLOCK_SECONDS + 5)
            try:
                mine, present = self._keys(self._process)
                while True:
                    await redis.set(present, b"", ex=_PRESENT_SECONDS)
                    failing = False
                    if found := await redis.blpop([mine], timeout=_BLOCK_SECONDS):
                        principal, ask_id, answer = orjson.loads(found[1])
                        await self._local.deliver(principal, ask_id, answer)
            except (*REDIS_ERRORS, ValueError) as problem:
                if not failing:
                    reason = f"{type(problem).__name__}: {problem}"[:300]
                    log.warning("answers_not_received", reason=reason)
                failing = True
            finally:
                await redis.aclose()
            await self._sleep(_PAUSE)

    def _keys(self, process: str) -> tuple[str, str]:
        tag = f"gatepost:{{{self._resource} {process}}}"
        return f"{tag}:answers", f"{tag}:present"
