"""Many open streams at once: none outlives its token, and none holds up the others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from gatepost.claims import AccessClaims, parse_claims
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.resources import McpResource
from mcp_gateway.notifications.listeners import (
    AT_ONCE,
    MOST_OF_ONE,
    Listener,
    Listeners,
    TooManyListeners,
)
from mcp_gateway.notifications.local import LocalNews, LocalWishes
from mcp_gateway.notifications.port import MOST_URIS, Changed, Missed, NewsFeed, NotShared, Wishes
from mcp_gateway.notifications.redis_news import RedisNews
from mcp_gateway.wire.listening import tell_until_end
from support.in_process.clock import Clock
from support.in_process.gateway import Looks
from support.in_process.tokens import claims


def caller(number: int = 0, **changes: Any) -> AccessClaims:
    """Return the claims of one of many people."""
    return parse_claims(claims(Clock()(), sub=f"usr_{number}", **changes))


def catalogue(text: str) -> Catalogue:
    """Return a catalogue of many documents."""
    documents = [McpResource(f"d{n}", "", "", "", text, f"x:{n}") for n in range(MOST_URIS)]
    return Catalogue.of("Many", (), resources=documents)


class StuckWishes(LocalWishes):
    """A store that does not answer."""

    def __init__(self) -> None:
        """Begin with nobody who waits."""
        super().__init__(Clock())
        self.asked = 0
        self.answer = asyncio.Event()

    async def watched(self, subscriber: str) -> frozenset[str]:
        """Wait until the test lets it fail."""
        self.asked += 1
        await self.answer.wait()
        raise NotShared


@dataclass
class Process:
    """The streams of one process."""

    listeners: Listeners
    ended: set[str] = field(default_factory=set)
    """The people whose tokens have ended."""
    looks: Looks = field(default_factory=Looks)


@asynccontextmanager
async def process(
    *, served: Catalogue | None = None, wishes: Wishes | None = None, feed: NewsFeed | None = None
) -> AsyncIterator[Process]:
    """Run the streams of one process."""
    ended: set[str] = set()
    looks = Looks()
    listeners = Listeners(
        served or catalogue("before"),
        feed or LocalNews(Clock()),
        wishes or LocalWishes(Clock()),
        holds=lambda claimed: claimed.sub not in ended,
        most=4000,
        with_skills=False,
        sleep=looks.pause,
    )
    async with listeners.running():
        yield Process(listeners, ended, looks)


async def until(holds: Callable[[], bool]) -> int:
    """Count the turns of the event loop until something holds."""
    turns = 0
    while not holds():
        turns += 1
        await asyncio.sleep(0)
    return turns


async def test_a_stream_ends_with_its_token_while_redis_does_not_answer_a387() -> None:
    """A387: what a client subscribed to is read beside the checks, and asked for once if it fails."""
    wishes = StuckWishes()
    async with process(wishes=wishes) as opened:
        with ExitStack() as stack:
            streams = [
                stack.enter_context(
                    opened.listeners.open(
                        caller(number), "handshake", lists=(), subscriber=str(number)
                    )
                )
                for number in range(5)
            ]
            for stream in streams:
                stream.is_stale = True
            await opened.looks.look(1)
            await until(lambda: wishes.asked == 1)
            opened.ended.add("usr_4")
            await opened.looks.look(1)
            await until(lambda: streams[4].has_ended)
            assert not streams[3].has_ended
            wishes.answer.set()
            await opened.looks.look(1)
            await until(lambda: wishes.asked >= 2)
            assert wishes.asked <= 3  # once in each round
            assert all(stream.is_stale for stream in streams[:4])


async def test_a_stream_ends_with_its_token_while_catalogues_are_compared_a387(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = asyncio.Event()

    async def compare_slowly(*_: object, **__: object) -> None:
        await go_on.wait()
        raise AssertionError

    monkeypatch.setattr("mcp_gateway.notifications.listeners.asyncio.to_thread", compare_slowly)
    async with process() as opened:
        with opened.listeners.open(caller(), "modern", lists=()) as stream:
            opened.listeners.switch(catalogue("after"))
            await asyncio.sleep(0)
            opened.ended.add("usr_0")
            await opened.looks.look(1)
            await until(lambda: stream.has_ended)


async def test_after_its_end_a_stream_that_is_read_slowly_tells_nothing_more_a390() -> None:
    """A390: a client that reads a part, and the rest after its connection was revoked."""
    told: list[bytes] = []

    class Slow:
        gone = waiting = False

        async def emit(self, message: bytes) -> None:
            told.append(message)
            stream.end()

    async with process() as opened:
        with opened.listeners.open(caller(), "modern", lists=("tools",)) as stream:
            opened.listeners.watch(stream, ["x:1", "x:2"])
            stream.note(("tools",), ("x:1", "x:2"))
            await tell_until_end(stream, Slow(), {})
    assert len(told) == 1


async def test_a_session_that_opens_again_and_does_not_read_fills_no_process_a389() -> None:
    """A389: streams that were replaced and have not ended yet count."""
    async with process() as opened:
        with ExitStack() as stack:

            def open_again() -> None:
                again = opened.listeners.open(
                    caller(), "handshake", lists=(), subscriber="session", alone=True
                )
                stack.enter_context(again)

            with pytest.raises(TooManyListeners):
                for _ in range(MOST_OF_ONE + 1):
                    open_again()
            assert opened.listeners.count() == {"handshake": MOST_OF_ONE}


async def test_calls_get_a_turn_between_two_streams_after_a_reload_a391() -> None:
    """A391: clients that watch all they may, each with other tools, hold nobody up at a reload."""
    async with process() as opened:
        with ExitStack() as stack:
            streams = [
                stack.enter_context(
                    opened.listeners.open(
                        caller(number, allowed_tools=[f"tool_{number}"]), "modern", lists=()
                    )
                )
                for number in range(200)
            ]
            for stream in streams:
                opened.listeners.watch(stream, [f"x:{number}" for number in range(MOST_URIS)])
            after = catalogue("after")
            opened.listeners.switch(after)
            await until(lambda: streams[0].catalogue is after)
            assert await until(lambda: streams[-1].catalogue is after) >= len(streams) - 1
            # Otherwise the garbage collector looks at each URI of each stream, in one turn.
            assert all(stream.watched is stream.asked for stream in streams)
            told: set[str] = set()
            while len(told) < MOST_URIS:
                due = await streams[0].due()
                assert due is not None
                told.update(due.uris)


async def test_calls_get_a_turn_between_two_news_of_redis_a391(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A391: a process reads up to a thousand news at once, and each concerns every stream."""
    news = [
        (b"%d-0" % n, {b"news": b'{"kind":"Resubscribed","subscriber":"%d"}' % n})
        for n in range(50)
    ]
    gone = asyncio.Event()

    class Stream:
        async def xrevrange(self, _: str, count: int) -> list[Any]:
            return []

        async def xread(self, places: dict[str, bytes], **_: int) -> list[Any]:
            if b"0" in places.values():
                return [(b"key", news)]
            await gone.wait()
            return []

        async def aclose(self) -> None:
            pass

    monkeypatch.setattr(
        "mcp_gateway.notifications.redis_news.open_redis", lambda *_, **__: Stream()
    )
    heard: list[object] = []

    async def hear(one: object) -> None:
        heard.append(one)

    feed = RedisNews(None, "", resource="r")  # type: ignore[arg-type] # tells nobody
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(feed.following(hear))
        await until(lambda: len(heard) >= 2)
        assert await until(lambda: len(heard) == len(news) + 1) >= len(news) - 2


class Prompt:
    """A client that takes everything at once; it counts what it got in each turn of the loop."""

    gone = waiting = False

    def __init__(self, turns: list[int]) -> None:
        """Share the counts of other clients."""
        self._turns = turns

    async def emit(self, message: bytes) -> None:
        """Take a message without a pause."""
        self._turns[-1] += 1


@pytest.mark.parametrize(
    ("news", "messages"),
    [
        (Changed("org_acme", {}, ("x:1",), lists=False), 1),
        (Changed("org_acme", {}, tuple(f"x:{n}" for n in range(MOST_URIS)), lists=True), 100),
        (Missed(), MOST_URIS + 1),
    ],
)
async def test_calls_get_a_turn_while_thousands_of_streams_are_told_a402(
    news: Changed | Missed, messages: int
) -> None:
    """A402: what one turn of the loop tells does not grow with the streams, nor with what they watch."""
    feed = LocalNews(Clock())
    turns = [0]
    async with process(feed=feed) as opened, asyncio.TaskGroup() as telling:
        with ExitStack() as stack:
            for number in range(200):
                stream = stack.enter_context(
                    opened.listeners.open(
                        caller(number, data_scope=""), "modern", lists=("resources",)
                    )
                )
                opened.listeners.watch(stream, [f"x:{n}" for n in range(MOST_URIS)])
                telling.create_task(tell_until_end(stream, Prompt(turns), {}))
            looking = asyncio.create_task(feed.tell(news))
            while sum(turns) < 200 * messages:
                turns.append(0)
                await asyncio.sleep(0)
            await looking
            assert max(turns) <= AT_ONCE + 1
            opened.listeners.end_all()


async def test_calls_get_a_turn_while_all_streams_end_a402() -> None:
    """A402: a withdrawn key ends thousands of streams, and each end is work."""
    turns = [0]

    async def tell(stream: Listener) -> None:
        await tell_until_end(stream, Prompt([0]), {})
        turns[-1] += 1

    async with process() as opened, asyncio.TaskGroup() as telling:
        with ExitStack() as stack:
            for number in range(200):
                opened_now = opened.listeners.open(caller(number), "modern", lists=())
                telling.create_task(tell(stack.enter_context(opened_now)))
            await asyncio.sleep(0)
            opened.listeners.end_all()
            while sum(turns) < 200:
                turns.append(0)
                await asyncio.sleep(0)
            assert max(turns) == 1


async def test_after_an_outage_a_client_hears_once_of_everything_that_it_watches() -> None:
    async with process() as opened:
        with opened.listeners.open(caller(), "modern", lists=("resources", "tools")) as stream:
            opened.listeners.watch(stream, ["x:1", "x:2", "x:missing", "y:3"])
            for _ in range(2):
                stream.note_outage()
            stream.note(uris=["x:1"])
            due = await stream.due()
            assert due is not None
            assert (due.lists, sorted(due.uris)) == (("resources",), ["x:1", "x:2"])
            stream.note(uris=["x:1"])
            assert await stream.due() == ((), ("x:1",))
