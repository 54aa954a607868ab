"""News among the processes of one gateway, through a stream in Redis."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import orjson
import structlog

from gatepost.background import Sleep, in_background
from gatepost.network.redis import REDIS_ERRORS, open_redis
from mcp_gateway.follow_feed import FeedBroken, follow_feed
from mcp_gateway.notifications.port import (
    KEYS_KEPT,
    Changed,
    Hear,
    Missed,
    News,
    NotShared,
    Resubscribed,
)
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.resp import RedisUnavailable

_ADD = """
redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10000, '*', 'news', ARGV[1])
redis.call('EXPIRE', KEYS[1], 600)
return 1
"""
_ADD_ONCE = f"""
if not redis.call('SET', KEYS[2], 1, 'NX', 'EX', ARGV[2]) then return 0 end
{_ADD}"""
_BLOCK_SECONDS = 10
_MOST = 1000
_PAUSES = (0.1, 0.2, 0.5, 1.0)

log = structlog.get_logger()


class RedisNews:
    """Adds news to a stream that every process reads from its end.

    Publish and subscribe of Redis would lose news with each connection that breaks, and needs another
    client for a cluster.
    """

    def __init__(
        self,
        redis: RedisConnection,
        url: str,
        *,
        resource: str,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Take the connection that calls share, and the URL for another that waits.

        Args:
            redis: tells other processes.
            url: for the connection that waits for news.
            resource: the gateway's resource, the prefix of the key that its processes share.
            sleep: waits before the stream is read again.
        """
        self._redis = redis
        self._url = url
        self._key = f"gatepost:{{{resource}}}:news"
        self._sleep = sleep

    async def tell_once(self, news: News, key: str) -> bool:
        """Tell every process, unless that was done for this key.

        Raises:
            NotShared: Redis is down.
        """
        used = f"{self._key}:{key}"
        try:
            told = await self._redis.ask(
                "EVAL", _ADD_ONCE, 2, self._key, used, _write(news), KEYS_KEPT
            )
        except RedisUnavailable as problem:
            raise NotShared from problem
        return bool(told)

    async def tell(self, news: News) -> None:
        """Tell every process, this one included.

        Raises:
            NotShared: Redis is down.
        """
        try:
            await self._redis.ask("EVAL", _ADD, 1, self._key, _write(news))
        except RedisUnavailable as problem:
            raise NotShared from problem

    @asynccontextmanager
    async def following(self, hear: Hear) -> AsyncIterator[None]:
        """Call `hear` with all news while the block lasts, and with `Missed` after an outage."""

        def tell(reason: str) -> None:
            log.warning("news_not_followed", reason=reason)

        def follow() -> AsyncGenerator[None]:
            return self._read(hear)

        async with in_background(
            lambda: follow_feed(follow, tell=tell, pauses=_PAUSES, sleep=self._sleep)
        ):
            yield

    async def _read(self, hear: Hear) -> AsyncGenerator[None]:
        redis = open_redis(self._url, timeout=_BLOCK_SECONDS + 5)
        try:
            last = await redis.xrevrange(self._key, count=1)
            place = last[0][0] if last else b"0"
            await hear(Missed())
            yield
            while True:
                answer = await redis.xread(
                    {self._key: place}, count=_MOST, block=_BLOCK_SECONDS * 1000
                )
                for _, entries in answer or ():
                    for entry_id, fields in entries:
                        place = entry_id
                        if (news := _parse(fields.get(b"news", b""))) is not None:
                            await hear(news)
                            await asyncio.sleep(0)  # many may come at once, for many streams
                yield
        except REDIS_ERRORS as error:
            raise FeedBroken(f"{type(error).__name__}: {error}") from error
        finally:
            await redis.aclose()


def _write(news: News) -> bytes:
    return orjson.dumps({"kind": type(news).__name__, **news._asdict()})


def _parse(written: bytes) -> News | None:
    try:
        members = orjson.loads(written)
        if members["kind"] == Resubscribed.__name__:
            return Resubscribed(str(members["subscriber"]))
        if members["kind"] == Changed.__name__:
            scope = {kind: tuple(values) for kind, values in members["data_scope"].items()}
            uris = tuple(members["uris"])
            return Changed(members["tenant_id"], scope, uris, bool(members["lists"]))
    except (AttributeError, ValueError, TypeError, KeyError):
        pass
    # A newer gateway may have written it; skip it and read the others.
    log.warning("news_unreadable")
    return None
