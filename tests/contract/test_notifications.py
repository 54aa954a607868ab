"""Both adapters of the ports `NewsFeed` and `Wishes`: within one process, and through Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from gatepost.clock import Now
from mcp_gateway.notifications.local import LocalNews, LocalWishes
from mcp_gateway.notifications.port import (
    MOST_URIS,
    Changed,
    Missed,
    News,
    NewsFeed,
    NotShared,
    Resubscribed,
    TooManyWatched,
    Wishes,
)
from mcp_gateway.notifications.redis_news import RedisNews
from mcp_gateway.notifications.redis_wishes import RedisWishes
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.open import open_connection
from support.in_process.clock import Clock
from support.processes.redis import RedisServer

RESOURCE = "http://127.0.0.1:8401/mcp"
GUIDE = "tracker://guide"


async def at_once(_: float) -> None:
    """Try again without a pause."""
    await asyncio.sleep(0)


class Heard:
    """What one process hears."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.news: asyncio.Queue[News] = asyncio.Queue()

    async def next(self) -> News:
        """Wait for the next news other than of an outage."""
        while isinstance(news := await self.news.get(), Missed):
            pass
        return news

    async def until_missed(self) -> None:
        """Wait until it is told that something may have been lost."""
        while not isinstance(await self.news.get(), Missed):
            pass


async def connect(redis: RedisServer, stack: AsyncExitStack) -> RedisConnection:
    """Connect one process."""
    connection = open_connection(redis.url)
    await stack.enter_async_context(connection.connected())
    return connection


async def follow(feed: NewsFeed, stack: AsyncExitStack) -> Heard:
    """Let a process follow."""
    heard = Heard()
    await stack.enter_async_context(feed.following(heard.news.put))
    if isinstance(feed, RedisNews):
        await heard.until_missed()
    return heard


@pytest.fixture(params=["local", "redis", "cluster"])
async def feeds(request: pytest.FixtureRequest) -> AsyncIterator[tuple[NewsFeed, NewsFeed]]:
    """Return the feeds of two processes, or that of one twice."""
    if request.param == "local":
        local = LocalNews(Clock())
        yield local, local
        return
    redis = request.getfixturevalue(request.param)
    async with AsyncExitStack() as stack:
        one, other = [
            RedisNews(await connect(redis, stack), redis.url, resource=RESOURCE, sleep=at_once)
            for _ in range(2)
        ]
        yield one, other


async def test_news_reach_every_process_in_order(feeds: tuple[NewsFeed, NewsFeed]) -> None:
    one, other = feeds
    async with AsyncExitStack() as stack:
        here, there = await follow(one, stack), await follow(other, stack)
        told = [Resubscribed(f"client-{number}") for number in range(20)]
        for news in told:
            await one.tell(news)
        assert [await here.next() for _ in told] == told
        assert [await there.next() for _ in told] == told


async def test_a_process_that_starts_later_hears_nothing_of_before(
    feeds: tuple[NewsFeed, NewsFeed],
) -> None:
    one, other = feeds
    await one.tell(Resubscribed("before"))
    async with AsyncExitStack() as stack:
        heard = await follow(other, stack)
        await one.tell(Resubscribed("after"))
        assert await heard.next() == Resubscribed("after")


async def test_news_with_a_key_are_told_once_a324(feeds: tuple[NewsFeed, NewsFeed]) -> None:
    one, other = feeds
    changed = Changed("org_acme", {"team": ("design", "ä")}, ("tracker://7",), lists=True)
    async with AsyncExitStack() as stack:
        heard = await follow(other, stack)
        assert await one.tell_once(changed, "first")
        assert not await other.tell_once(changed, "first")
        assert await other.tell_once(Resubscribed("last"), "second")
        assert await heard.next() == changed
        assert await heard.next() == Resubscribed("last")


async def test_after_an_outage_of_redis_processes_know_that_they_may_have_missed_something(
    redis: RedisServer,
) -> None:
    async with AsyncExitStack() as stack:
        connection = await connect(redis, stack)
        feed = RedisNews(connection, redis.url, resource=RESOURCE, sleep=at_once)
        heard = await follow(feed, stack)

        redis.stop()
        with pytest.raises(NotShared):
            await feed.tell(Resubscribed("lost"))
        with pytest.raises(NotShared):
            await feed.tell_once(Resubscribed("lost"), "key")
        redis.start()

        await heard.until_missed()
        while True:
            if connection.is_up:
                break
            await asyncio.sleep(0)
        await feed.tell(Resubscribed("kept"))
        assert await heard.next() == Resubscribed("kept")


async def test_news_that_a_later_release_wrote_are_skipped(redis: RedisServer) -> None:
    async with AsyncExitStack() as stack:
        feed = RedisNews(await connect(redis, stack), redis.url, resource=RESOURCE, sleep=at_once)
        heard = await follow(feed, stack)
        with redis.connect() as client:
            for written in (b'{"kind":"Later"}', b"[", b'{"kind":"Resubscribed"}', b"7"):
                client.xadd(f"gatepost:{{{RESOURCE}}}:news", {"news": written})
        await feed.tell(Resubscribed("known"))
        assert await heard.next() == Resubscribed("known")


@pytest.fixture(params=["local", "redis", "cluster"])
async def both(
    request: pytest.FixtureRequest, clock: Clock
) -> AsyncIterator[tuple[Wishes, Wishes]]:
    """Return the wishes as two processes see them, or one twice."""
    if request.param == "local":
        local = LocalWishes(clock)
        yield local, local
        return
    redis = request.getfixturevalue(request.param)
    async with AsyncExitStack() as stack:
        one, other = [RedisWishes(await connect(redis, stack), resource=RESOURCE) for _ in range(2)]
        yield one, other


async def test_what_a_client_watches_is_known_to_every_process(
    both: tuple[Wishes, Wishes],
) -> None:
    one, other = both
    assert await one.watched("ada") == frozenset()
    for _ in range(2):
        await one.watch("ada", GUIDE)
    await other.watch("ada", "tracker://ä")
    assert await other.watched("ada") == {GUIDE, "tracker://ä"}
    assert await other.watched("bo") == frozenset()
    for _ in range(2):
        await other.unwatch("ada", GUIDE)
    assert await one.watched("ada") == {"tracker://ä"}


async def test_a_client_watches_a_limited_number_of_resources(
    both: tuple[Wishes, Wishes],
) -> None:
    one, other = both
    for number in range(MOST_URIS):
        await one.watch("ada", f"tracker://{number}")
    with pytest.raises(TooManyWatched):
        await other.watch("ada", GUIDE)
    await one.watch("ada", "tracker://0")
    await one.unwatch("ada", "tracker://0")
    await other.watch("ada", GUIDE)


async def test_the_level_of_a_client_is_known_to_every_process(
    both: tuple[Wishes, Wishes],
) -> None:
    one, other = both
    assert await other.level("ada") is None
    await one.set_level("ada", "error")
    assert await other.level("ada") == "error"
    assert await other.level("bo") is None


async def test_wishes_are_forgotten_a_day_after_the_client_last_asked(clock: Clock) -> None:
    wishes = LocalWishes(clock)
    await wishes.watch("ada", GUIDE)
    clock.advance(hours=23)
    assert await wishes.watched("ada") == {GUIDE}
    clock.advance(hours=23)
    assert await wishes.watched("ada") == {GUIDE}
    clock.advance(hours=25)
    assert await wishes.watched("ada") == frozenset()


async def test_wishes_in_redis_expire_a_day_after_the_client_last_asked(
    redis: RedisServer,
) -> None:
    async with AsyncExitStack() as stack:
        wishes = RedisWishes(await connect(redis, stack), resource=RESOURCE)
        await wishes.watch("ada", GUIDE)
        await wishes.set_level("ada", "error")
        with redis.connect() as client:
            keys = client.keys("*wishes*")
            assert len(keys) == 2
            for key in keys:
                client.expire(key, 1000)
            assert await wishes.watched("ada") == {GUIDE}
            assert max(client.ttl(key) for key in keys) > 80_000


async def test_one_process_remembers_a_limited_number_of_clients(clock: Now) -> None:
    wishes = LocalWishes(clock, most=2)
    for name in ("ada", "bo", "cy"):
        await wishes.watch(name, GUIDE)
    assert await wishes.watched("ada") == frozenset()
    assert await wishes.watched("cy") == {GUIDE}


async def test_while_redis_is_away_clients_are_told_to_try_again(redis: RedisServer) -> None:
    async with AsyncExitStack() as stack:
        wishes = RedisWishes(await connect(redis, stack), resource=RESOURCE)
        redis.stop()
        try:
            for asked in (
                wishes.watch("ada", GUIDE),
                wishes.unwatch("ada", GUIDE),
                wishes.watched("ada"),
                wishes.set_level("ada", "error"),
                wishes.level("ada"),
            ):
                with pytest.raises(NotShared):
                    await asked
        finally:
            redis.start()
