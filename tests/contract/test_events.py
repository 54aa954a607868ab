"""Both adapters of the port `Delivery`: each call event reaches the call log and counts once."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from redis.asyncio import Redis

from auth_server.db.engine import open_database
from auth_server.db.traced import trace_statements
from auth_server.gateway_api.events_worker import GROUP, EventsWorker
from gatepost.metering.call_event import (
    EVENTS_FIELD,
    EVENTS_PATH,
    as_logged,
    events_stream,
    write_event,
    write_events,
)
from gatepost.tracing.tracing import Tracing
from mcp_gateway.call_events.http_delivery import HttpDelivery
from mcp_gateway.call_events.port import Delivery, DeliveryFailed
from mcp_gateway.call_events.recorder import Recorder
from mcp_gateway.call_events.redis_delivery import MOST_ENTRIES, RedisDelivery
from mcp_gateway.call_events.spool import MOST_EVENTS, Spool, SpoolBroken
from mcp_gateway.limits.local_limits import LocalRates
from mcp_gateway.limits.redis_limits import RedisLimits
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.open import open_connection
from support.in_process.auth_server import ISSUER, AuthServer, running_auth_server
from support.in_process.call_events import call_event, logged_calls
from support.in_process.clock import Clock
from support.in_process.full_disk import full_disk
from support.in_process.gateway import Journal, Ledger
from support.in_process.revocations import GATEWAY, assertions
from support.in_process.spans import keeping_spans
from support.processes.redis import RedisServer

pytestmark = pytest.mark.both_databases


class Pauses:
    """The pause between two attempts, which lasts until the test ends it."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._made = asyncio.Event()
        self._flowing = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        """Wait as if for that many seconds."""
        self.asked.append(seconds)
        self._made.set()
        await self._flowing.wait()
        await asyncio.sleep(0)

    async def made(self) -> None:
        """Wait until an attempt has failed and the next one is pending."""
        await self._made.wait()

    def flow(self) -> None:
        """Let every pause end at once from now on."""
        self._flowing.set()


@dataclass
class Watched:
    """A delivery that records each attempt, and can lose answers."""

    delivery: Delivery
    lose_answers: int = 0
    begun: int = 0
    sizes: list[int] = field(default_factory=list)
    again: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, events: Sequence[bytes]) -> None:
        """Pass the events on."""
        self.begun += 1
        try:
            await self.delivery.send(events)
            self.sizes.append(len(events))
            if self.lose_answers:
                self.lose_answers -= 1
                raise DeliveryFailed("the answer was lost")
        finally:
            self.again.set()
            self.again = asyncio.Event()


class EventRoute:
    """A gateway's recorder, one delivery, and the call log of the authorization server."""

    def __init__(
        self, database_url: str, clock: Clock, folder: Path, redis: RedisServer | None
    ) -> None:
        self.database_url = database_url
        self.clock = clock
        self.spool = folder / "gateway.events.db"
        self.redis = redis
        self.log: list[bytes] = []
        self.pauses = Pauses()
        self.watched: Watched
        self.server: AuthServer | None = None
        self.connection: RedisConnection | None = None
        self._server = AsyncExitStack()

    async def start_server(self) -> None:
        """Start the authorization server."""
        context = running_auth_server(self.database_url, self.clock, resources=(GATEWAY,))
        self.server = await self._server.enter_async_context(context)

    def _limits(self, connection: RedisConnection, most_entries: int) -> RedisLimits:
        return RedisLimits(
            connection,
            issuer=ISSUER,
            journal=Journal(),
            rates=LocalRates(self.clock),
            read_usage=Ledger().read,
            now=self.clock,
            most_entries=most_entries,
        )

    async def stop_server(self) -> None:
        """Stop the server."""
        self.server = None
        await self._server.aclose()

    async def _post(self, body: bytes) -> int:
        if self.server is None:
            raise DeliveryFailed("unreachable")
        headers = {"content-type": "application/json"}
        answer = await self.server.http.post(EVENTS_PATH, content=body, headers=headers)
        return answer.status_code

    @asynccontextmanager
    async def gateway(
        self, *, lose_answers: int = 0, room: int = MOST_EVENTS, most_entries: int = MOST_ENTRIES
    ) -> AsyncIterator[Recorder]:
        """Run a gateway's recorder for as long as the block lasts."""
        async with AsyncExitStack() as stack:
            delivery: Delivery = HttpDelivery(self._post, assertions(self.clock).form)
            if self.redis is not None:
                self.connection = open_connection(self.redis.url)
                await stack.enter_async_context(self.connection.connected())
                delivery = RedisDelivery(
                    self.connection,
                    self._limits(self.connection, most_entries).settle_event,
                    issuer=ISSUER,
                    most_entries=most_entries,
                )
            self.watched = Watched(delivery, lose_answers)
            recorder = Recorder(
                self.watched,
                Spool(self.spool, most=room),
                direct=self.redis is not None,
                write_log=self.log.extend,
                sleep=self.pauses,
            )
            await stack.enter_async_context(recorder.running())
            yield recorder

    @asynccontextmanager
    async def worker(
        self, name: str = "one", *, tracing: Tracing | None = None, **options: Any
    ) -> AsyncIterator[EventsWorker]:
        """Open a worker, which works on demand."""
        assert self.redis is not None
        database = open_database(self.database_url)
        if tracing is not None:
            database = trace_statements(database)
        worker = EventsWorker(
            self.redis.url,
            issuer=ISSUER,
            database=database,
            name=name,
            now=self.clock,
            tracing=tracing,
            **{"block": 0.02, **options},
        )
        yield worker
        await worker.close()
        await database.close()

    async def until_delivered(self, *sizes: int) -> None:
        """Wait until deliveries of exactly these sizes were made."""
        while self.watched.sizes != list(sizes):
            await self.watched.again.wait()

    async def until_logged(self, *calls: str) -> dict[str, dict[str, Any]]:
        """Wait until these calls are in the log, and return the whole log."""
        if self.redis is None:
            while True:
                again = self.watched.again  # taken before the check, or one could be missed
                known = await logged_calls(self.database_url)
                if known.keys() >= set(calls):
                    return known
                await again.wait()
        async with self.worker() as worker:
            while True:
                while await worker.step():
                    pass
                known = await logged_calls(self.database_url)
                if known.keys() >= set(calls):
                    return known


@pytest.fixture(params=["http", "redis"])
async def route(
    database_url: str, clock: Clock, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[EventRoute]:
    redis = request.getfixturevalue("redis") if request.param == "redis" else None
    made = EventRoute(database_url, clock, tmp_path, redis)
    await made.start_server()
    yield made
    await made.stop_server()


@pytest.fixture
async def http_route(sqlite_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[EventRoute]:
    made = EventRoute(sqlite_url, clock, tmp_path, None)
    await made.start_server()
    yield made
    await made.stop_server()


@pytest.fixture
async def redis_road(
    database_url: str, clock: Clock, tmp_path: Path, redis: RedisServer
) -> AsyncIterator[EventRoute]:
    made = EventRoute(database_url, clock, tmp_path, redis)
    yield made


async def test_a_call_arrives_with_everything_that_is_known_of_it(route: EventRoute) -> None:
    event = call_event(route.clock(), decision="failed", reason="deadline", status=None)
    async with route.gateway() as gateway:
        gateway.record(event)
        known = await route.until_logged(event.call_id)

    assert known == {event.call_id: as_logged(event)}
    assert route.log == [write_event(event)]


async def test_the_writing_of_calls_can_be_followed_to_its_statements_and_waiting_is_no_trace(
    redis_road: EventRoute,
) -> None:
    async with redis_road.gateway() as gateway:
        gateway.record(call_event(redis_road.clock()))
        await redis_road.until_delivered(1)
    async with (
        keeping_spans(redis_road.clock) as recorded,
        redis_road.worker(tracing=recorded.tracing) as worker,
    ):
        while not await worker.step():
            pass
        await worker.step()
        round_ = recorded.one("job write_calls")
        below = [span for span in recorded.spans if span is not round_]

    assert round_.parent is None
    assert {"INSERT"} <= {span.name for span in below}
    assert {recorded.path(span)[-1] for span in below} == {"job write_calls"}


async def test_calls_that_come_together_travel_together_and_each_counts_once(
    route: EventRoute,
) -> None:
    events = [call_event(route.clock()) for _ in range(510)]
    async with route.gateway() as gateway:
        for event in events:
            gateway.record(event)
        known = await route.until_logged(*(event.call_id for event in events))

    assert len(known) == 510
    assert route.watched.sizes == [500, 10]


async def test_calls_that_are_stored_one_after_another_travel_together_soon_or_at_the_end(
    http_route: EventRoute, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *later = (call_event(http_route.clock()) for _ in range(6))
    async with http_route.gateway() as gateway:
        await gateway.store_event(first.call_id, first)
        await http_route.until_delivered(1)
        monkeypatch.setattr("mcp_gateway.call_events.recorder.LINGER", 3600)
        for event in later:
            await gateway.store_event(event.call_id, event)

    assert (http_route.watched.begun, http_route.watched.sizes) == (2, [1, 5])
    assert len(await logged_calls(http_route.database_url)) == 6


async def test_a_delivery_whose_answer_was_lost_is_made_again_and_counts_nothing_twice(
    route: EventRoute,
) -> None:
    events = [call_event(route.clock()) for _ in range(3)]
    async with route.gateway(lose_answers=2) as gateway:
        for event in events:
            gateway.record(event)
        route.pauses.flow()
        await route.until_delivered(3, 3, 3)
        known = await route.until_logged(*(event.call_id for event in events))

    assert len(known) == 3


async def test_events_recorded_just_before_the_end_are_still_delivered(route: EventRoute) -> None:
    events = [call_event(route.clock()) for _ in range(3)]
    async with route.gateway() as gateway:
        for event in events:
            gateway.record(event)

    assert len(await route.until_logged(*(event.call_id for event in events))) == 3


async def test_a_gateway_that_died_with_events_in_its_spool_delivers_them_when_it_is_back(
    route: EventRoute,
) -> None:
    events = [call_event(route.clock()) for _ in range(3)]
    Spool(route.spool).add([write_event(event) for event in events])

    async with route.gateway():
        known = await route.until_logged(*(event.call_id for event in events))

    assert len(known) == 3


async def test_an_hour_without_the_authorization_server_costs_no_event(route: EventRoute) -> None:
    await route.stop_server()
    sent = []
    async with route.gateway() as gateway:
        for _ in range(6):
            sent.append(call_event(route.clock()))
            gateway.record(sent[-1])
            route.clock.advance(minutes=10)
        if route.redis is None:
            await route.pauses.made()
            assert "to be delivered" in gateway.describe()
        await route.start_server()
        route.pauses.flow()
        known = await route.until_logged(*(event.call_id for event in sent))

    assert len(known) == 6
    assert max(route.pauses.asked, default=0) <= 30


async def test_a_gateway_whose_spool_is_full_goes_on_and_says_how_much_it_lost(
    route: EventRoute,
) -> None:
    """The oldest events are kept, and the newest are dropped."""
    if route.redis is not None:
        route.redis.stop()
    await route.stop_server()
    events = [call_event(route.clock()) for _ in range(5)]
    async with route.gateway(room=3) as gateway:
        for event in events:
            gateway.record(event)
        await route.pauses.made()
        assert gateway.describe() == "3 wait to be delivered, 2 lost"
        if route.redis is not None:
            route.redis.start()
        await route.start_server()
        route.pauses.flow()
        await route.until_delivered(3)
        known = await route.until_logged(*(event.call_id for event in events[:3]))

    assert known.keys() == {event.call_id for event in events[:3]}


async def test_a_full_disk_stops_no_call_and_costs_no_event_that_can_be_delivered(
    http_route: EventRoute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can neither be stored nor delivered is lost, and told."""

    def refuse(*_: object) -> int:
        raise SpoolBroken("database or disk is full")

    events = [call_event(http_route.clock()) for _ in range(4)]
    async with http_route.gateway() as gateway:
        with monkeypatch.context() as full:
            full.setattr(Spool, "add", refuse)
            full.setattr(Spool, "commit", refuse)
            await gateway.store_intent(events[0].call_id, 0, write_event(events[0]))
            await gateway.store_event(events[0].call_id, events[0])
            gateway.record(events[1])
            known = await http_route.until_logged(events[0].call_id, events[1].call_id)
            assert gateway.describe() == "delivered"
            await http_route.stop_server()
            tried = http_route.watched.again
            await gateway.store_event(events[2].call_id, events[2])
            await tried.wait()
            assert gateway.describe() == "1 lost"
        await http_route.start_server()
        gateway.record(events[3])
        later = await http_route.until_logged(events[3].call_id)

    assert known.keys() == {event.call_id for event in events[:2]}
    assert later.keys() == known.keys() | {events[3].call_id}


def test_a_spool_on_a_full_disk_takes_nothing_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "gateway.events.db")
    spool.add([b"one"])
    with full_disk(), pytest.raises(SpoolBroken, match="disk"):
        spool.add([b"two"])
    spool.add([b"three"])

    assert [event for _, event in spool.first(10)] == [b"one", b"three"]
    spool.close()


async def test_redis_that_vanishes_and_returns_costs_no_event(redis_road: EventRoute) -> None:
    redis = redis_road.redis
    assert redis is not None
    before, during, after = (call_event(redis_road.clock()) for _ in range(3))
    async with redis_road.gateway() as gateway:
        gateway.record(before)
        await redis_road.until_logged(before.call_id)
        redis.stop()
        gateway.record(during)
        await redis_road.pauses.made()
        assert gateway.describe() == "1 wait to be delivered"
        redis.start()
        redis_road.pauses.flow()
        await redis_road.until_delivered(1, 1)
        gateway.record(after)
        known = await redis_road.until_logged(during.call_id, after.call_id)

    assert known.keys() == {before.call_id, during.call_id, after.call_id}


@pytest.mark.parametrize("outcome", ["success", "refused"])
async def test_while_no_worker_runs_redis_is_not_filled_without_end(
    redis_road: EventRoute, outcome: str
) -> None:
    first, second = (call_event(redis_road.clock(), outcome=outcome) for _ in range(2))
    async with redis_road.gateway(most_entries=1) as gateway:
        gateway.record(first)
        await redis_road.until_delivered(1)
        gateway.record(second)
        await redis_road.pauses.made()
        assert gateway.describe() == "1 wait to be delivered"
        await redis_road.until_logged(first.call_id)
        redis_road.pauses.flow()
        assert len(await redis_road.until_logged(second.call_id)) == 2


async def test_a_redis_that_lost_its_stream_is_worked_on_again(redis_road: EventRoute) -> None:
    assert redis_road.redis is not None
    event = call_event(redis_road.clock())
    async with redis_road.worker() as worker:
        await worker.step()
        with redis_road.redis.connect() as client:
            client.flushall()
        async with redis_road.gateway() as gateway:
            gateway.record(event)
        while not await worker.step():
            pass

    assert list(await logged_calls(redis_road.database_url)) == [event.call_id]


@pytest.mark.parametrize("committed", [False, True])
async def test_another_worker_writes_a_dead_workers_events_once(
    redis_road: EventRoute, committed: bool
) -> None:
    """The worker died before the commit, or between the commit and the acknowledgement."""
    assert redis_road.redis is not None
    events = [call_event(redis_road.clock(), outcome="refused") for _ in range(3)]
    key = events_stream(ISSUER)
    async with redis_road.gateway() as gateway:
        for event in events:
            gateway.record(event)
    with redis_road.redis.connect() as dead:
        dead.xgroup_create(key, GROUP, id="0")
        [[_, [[_, fields]]]] = dead.xreadgroup(GROUP, "dead", {key: ">"})
        if committed:
            dead.xadd(key, fields)
            async with redis_road.worker(claim_after=3600) as first:
                assert await first.step() == 1
        async with redis_road.worker("two", claim_after=0) as other:
            assert await other.step() == 1
        assert dead.xlen(key) == 0
        assert dead.xpending(key, GROUP)["pending"] == 0

    assert len(await logged_calls(redis_road.database_url)) == 3


async def test_the_name_of_a_worker_that_died_long_ago_is_forgotten(
    redis_road: EventRoute, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert redis_road.redis is not None
    key = events_stream(ISSUER)
    monkeypatch.setattr("auth_server.gateway_api.events_worker._DEAD_AFTER", -1)
    with redis_road.redis.connect() as client:
        client.xgroup_create(key, GROUP, id="0", mkstream=True)
        client.execute_command("XGROUP", "CREATECONSUMER", key, GROUP, "dead")
        assert [one["name"] for one in client.xinfo_consumers(key, GROUP)] == [b"dead"]
        async with redis_road.worker("alive") as worker:
            await worker.step()
        assert client.xinfo_consumers(key, GROUP) == []


async def test_a_worker_without_its_database_keeps_the_events_and_writes_them_later(
    redis_road: EventRoute, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = call_event(redis_road.clock())
    async with redis_road.gateway() as gateway:
        gateway.record(event)
    async with redis_road.worker() as worker:
        await worker.step()  # creates the group
        with monkeypatch.context() as patch:
            patch.setattr("auth_server.gateway_api.events_worker.write_or_refuse", _refuse)
            with pytest.raises(ConnectionRefusedError):
                await worker.step()
        assert await worker.step() == 1

    assert list(await logged_calls(redis_road.database_url)) == [event.call_id]


async def test_entries_whose_answer_was_lost_on_the_way_are_written_at_the_next_step(
    redis_road: EventRoute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis gave them to the worker, and the connection broke before it knew."""
    event = call_event(redis_road.clock())
    read = Redis.xreadgroup

    async def lose_the_answer(*given: Any, **options: Any) -> Any:
        if answer := await read(*given, **options):
            raise ConnectionError
        return answer

    async with redis_road.worker() as worker:
        await worker.step()  # creates the group
        assert await worker.step() == 0
        async with redis_road.gateway() as gateway:
            gateway.record(event)
        with monkeypatch.context() as patch:
            patch.setattr(Redis, "xreadgroup", lose_the_answer)
            with pytest.raises(ConnectionError):
                await worker.step()
        assert await worker.step() == 1

    assert list(await logged_calls(redis_road.database_url)) == [event.call_id]


async def _refuse(*_: object, **__: object) -> int:
    raise ConnectionRefusedError


async def test_an_unreadable_entry_does_not_stop_the_feed(redis_road: EventRoute) -> None:
    assert redis_road.redis is not None
    event = call_event(redis_road.clock())
    written = write_events([b'{"call_id":"half"}', write_event(event)])
    with redis_road.redis.connect() as client:
        for entry in ({"other": "x"}, {EVENTS_FIELD: "{"}, {EVENTS_FIELD: written}):
            client.xadd(events_stream(ISSUER), entry)

        known = await redis_road.until_logged(event.call_id)

        assert client.xlen(events_stream(ISSUER)) == 0
    assert list(known) == [event.call_id]


ADDING = """
import sys
from pathlib import Path
from mcp_gateway.call_events.spool import Spool
spool = Spool(Path(sys.argv[1]))
while True:
    spool.add([b"{}"] * 7)
    sys.stdout.write("kept\\n")
    sys.stdout.flush()
"""


def test_events_acknowledged_by_the_spool_survive_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    adding = subprocess.Popen([sys.executable, "-c", ADDING, str(path)], stdout=subprocess.PIPE)
    assert adding.stdout is not None
    answered = sum(7 for _, _ in zip(range(20), adding.stdout, strict=False))
    adding.kill()
    answered += 7 * len(adding.stdout.readlines())
    adding.stdout.close()
    adding.wait()

    spool = Spool(path)

    assert len(spool) >= answered >= 140
    assert len(spool) % 7 == 0
    spool.close()


def test_a_spool_knows_events_that_another_process_delivered(tmp_path: Path) -> None:
    one, other = (Spool(tmp_path / "events.db") for _ in range(2))
    one.add([b"1", b"2", b"3"])
    other.remove(other.first(2)[-1][0])

    assert [event for _, event in one.first(10)] == [b"3"]
    assert len(one) == 1
    one.close()
    other.close()


def test_a_file_that_is_not_a_spool_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    path.write_text("These are minutes of a meeting.\n" * 100)

    with pytest.raises(SpoolBroken, match="not a database"):
        Spool(path)


async def test_an_answer_other_than_200_does_not_count_as_delivery(clock: Clock) -> None:
    async def post(_: bytes) -> int:
        return httpx2.codes.SERVICE_UNAVAILABLE

    with pytest.raises(DeliveryFailed, match="503"):
        await HttpDelivery(post, assertions(clock).form).send([b"{}"])
