"""Every use of Redis by both services, on each engine, with a failover in the middle."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from redis.asyncio.cluster import ClusterNode
from redis.crc import key_slot
from redis.exceptions import RedisError

from auth_server.db.engine import open_database
from auth_server.gateway_api.events_worker import EventsWorker
from gatepost.metering.call_event import CallEvent, write_event
from gatepost.network.redis import open_redis
from mcp_gateway.call_events.recorder import Recorder
from mcp_gateway.call_events.redis_delivery import RedisDelivery
from mcp_gateway.call_events.spool import Spool
from mcp_gateway.limits.counters import TOTAL, counters_of, month_counters
from mcp_gateway.limits.local_limits import LocalRates
from mcp_gateway.limits.port import Quota, Reservation
from mcp_gateway.limits.redis_limits import RedisLimits
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.open import open_connection
from mcp_gateway.redis.resp import ErrorReply
from mcp_gateway.redis.script import RedisScript
from support.in_process.auth_server import ISSUER
from support.in_process.call_events import call_event, logged_calls
from support.in_process.clock import Clock
from support.in_process.gateway import Ledger
from support.processes.redis import Access, RedisServer
from support.processes.redis_cluster import (
    Cluster,
    Watched,
    running_cluster,
    running_sentinels,
)
from support.processes.services import POLL_SECONDS, free_port

TENANTS = [f"org_{number}" for number in range(8)]
"""Their calls go to all partitions."""

Engine = RedisServer | Cluster | Watched


class Deployment:
    """A gateway that counts and records, and the authorization server's work in the background."""

    def __init__(self, engine: Engine, database_url: str, clock: Clock, folder: Path) -> None:
        self.engine = engine
        self.database_url = database_url
        self.clock = clock
        self.connection: RedisConnection
        self.limits: RedisLimits
        self.recorder: Recorder
        self._folder = folder
        self.answered: list[str] = []
        self.uncounted = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run everything for as long as the block lasts."""
        url = self.engine.url
        async with AsyncExitStack() as stack:
            self.connection = open_connection(url)
            await stack.enter_async_context(self.connection.connected())

            async def settle(event: CallEvent) -> None:
                await self.limits.settle_event(event)

            delivery = RedisDelivery(self.connection, settle, issuer=ISSUER)
            spool = Spool(self._folder / "events.db")
            self.recorder = Recorder(delivery, spool, direct=True, write_log=lambda _: None)
            await stack.enter_async_context(self.recorder.running())
            self.limits = RedisLimits(
                self.connection,
                issuer=ISSUER,
                journal=self.recorder,
                rates=LocalRates(self.clock),
                read_usage=Ledger().read,
                now=self.clock,
            )
            database = open_database(self.database_url)
            stack.push_async_callback(database.close)
            worker = EventsWorker(
                url, issuer=ISSUER, database=database, name="one", now=self.clock, block=0.05
            )
            stack.push_async_callback(worker.close)
            stopped = asyncio.Event()
            work = asyncio.create_task(worker.run(stopped))
            try:
                yield
            finally:
                stopped.set()
                await work

    async def call(self, number: int) -> None:
        """Make one call that costs a unit, of a tenant with a quota."""
        at = self.clock()
        event = call_event(at, tenant_id=TENANTS[number % len(TENANTS)])
        wanted = Reservation(
            call_id=event.call_id,
            tenant_id=event.tenant_id,
            month=month_counters(at, "live"),
            counters=counters_of(
                at, sub=event.sub, client_id=event.client_id, grant_id=event.grant_id
            ),
            units=1,
            intent=write_event(event._replace(outcome="unknown", cost=0)),
            quotas=(Quota(TOTAL, 1_000_000),),
            allow_uncounted=True,
        )
        held = await self.limits.reserve(wanted)
        assert isinstance(held, Reservation)
        self.uncounted += not held.counted
        await self.limits.settle(held, event)
        self.answered.append(event.call_id)

    async def until_logged(self) -> None:
        """Wait until every call that was answered is in the call log."""
        while True:
            known = await logged_calls(self.database_url)
            if known.keys() >= set(self.answered):
                return
            await self.limits.reap()
            await asyncio.sleep(POLL_SECONDS)


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server with TLS and users."""
    folder = tmp_path_factory.mktemp("own")
    server = RedisServer(free_port(), folder / "redis.log", access=Access(folder))
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["server", "sentinels", "cluster"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine of the test's own, which it may break."""
    with ExitStack() as stack:
        if request.param == "cluster":
            yield stack.enter_context(running_cluster(tmp_path))
        elif request.param == "sentinels":
            yield stack.enter_context(running_sentinels(tmp_path))
        else:
            yield request.getfixturevalue("own_server")


@pytest.fixture
def deployment(engine: Engine, sqlite_url: str, clock: Clock, tmp_path: Path) -> Deployment:
    return Deployment(engine, sqlite_url, clock, tmp_path)


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    while True:
        if true():
            return
        await asyncio.sleep(POLL_SECONDS)


async def test_every_answered_call_is_logged_although_the_master_dies_in_the_middle(
    deployment: Deployment,
) -> None:
    """The server alone comes back without its data, too."""
    engine = deployment.engine

    async def keep_calling(first: int) -> None:
        number = first
        while not deployment.connection.losses or not deployment.connection.is_up:
            await deployment.call(number)
            number += 4
            await asyncio.sleep(0.02)

    async with deployment.running():
        callers = [asyncio.create_task(keep_calling(first)) for first in range(4)]
        await until(lambda: len(deployment.answered) > 40)
        assert deployment.uncounted == 0
        if isinstance(engine, RedisServer):
            engine.stop()
            await until(lambda: deployment.uncounted > 0)
            engine.start()
        else:
            engine.master().stop()
        await asyncio.gather(*callers)
        assert deployment.uncounted > 0
        deployment.uncounted = 0
        for number in range(2 * len(TENANTS)):
            await deployment.call(number)
        await deployment.until_logged()
        assert deployment.limits.describe() == "counted in Redis"

    assert deployment.uncounted == 0


@pytest.fixture
async def connection(cluster: Cluster) -> AsyncIterator[RedisConnection]:
    made = open_connection(cluster.url, deadline=5)
    async with made.connected():
        yield made


def key_of(cluster: Cluster, server: RedisServer) -> str:
    """Find a key that one of the masters has."""
    with cluster.connect() as client:
        for number in range(100):
            if client.get_node_from_key(f"gatepost:{{{number}}}").port == server.port:
                return f"gatepost:{{{number}}}"
    raise AssertionError("the server is not a master")


def tell(server: RedisServer, *command: str | int | bytes) -> Any:
    """Send a server a command as an administrator."""
    client: Any
    with server.connect() as client:
        return client.execute_command(*command)


async def test_streams_are_read_after_the_server_that_named_the_commands_has_died(
    cluster: Cluster,
) -> None:
    client = open_redis(cluster.url)
    await client.initialize()
    nobody = ClusterNode("127.0.0.1", free_port(), **client.nodes_manager.connection_kwargs)
    client.commands_parser.node = nobody
    key = key_of(cluster, cluster.masters[1])
    place = await client.xadd(key, {"event": "one"})
    await client.xgroup_create(key, "group", id="0")

    assert await client.xread({key: "0"}) == [[key.encode(), [(place, {b"event": b"one"})]]]
    [[_, [(found, _)]]] = await client.xreadgroup("group", "one", {key: ">"}, count=1)
    assert found == place
    await client.delete(key)
    await client.aclose()


async def test_the_addresses_of_the_url_lead_back_to_a_cluster_whose_servers_were_all_replaced(
    cluster: Cluster,
) -> None:
    client = open_redis(cluster.url)
    await client.initialize()
    await client.aclose()
    nodes = client.nodes_manager
    gone = ClusterNode("127.0.0.1", free_port(), **nodes.connection_kwargs)
    nodes.startup_nodes = nodes.nodes_cache = {gone.name: gone}

    key = key_of(cluster, cluster.masters[1])
    await client.set(key, "found")
    assert await client.getdel(key) == b"found"
    await client.aclose()


async def test_a_command_whose_keys_have_moved_goes_to_the_server_that_has_them(
    cluster: Cluster, connection: RedisConnection
) -> None:
    old, new = cluster.masters[:2]
    key = key_of(cluster, old)
    slot = key_slot(key.encode())
    names = [tell(server, "CLUSTER MYID") for server in (old, new)]
    await connection.ask("SET", key, 1)

    def move(*, back: bool = False) -> None:
        for server in (old, new) if back else (new, old):
            tell(server, "CLUSTER SETSLOT", slot, "NODE", names[not back])

    tell(new, "CLUSTER SETSLOT", slot, "IMPORTING", names[0])
    tell(old, "CLUSTER SETSLOT", slot, "MIGRATING", names[1])
    assert await connection.ask("GET", key) == b"1"
    script = RedisScript(connection, "return redis.call('SET', KEYS[1], ARGV[1], 'NX')")
    ends = script.write((), keys=(key + "+",), changing=1, constant=())
    # The new server has this key, but not the script.
    assert await script.run_written(ends.fill((2,)), ends.key) == b"OK"

    tell(old, "DEL", key)
    move()
    assert await connection.ask("GET", key + "+") == b"2"

    tell(new, "DEL", key + "+")
    tell(old, "CLUSTER SETSLOT", slot, "IMPORTING", names[1])
    move(back=True)
    assert await connection.ask("SET", key, 3) == b"OK"


async def test_a_command_for_a_server_that_became_a_replica_waits_for_the_map(
    cluster: Cluster, connection: RedisConnection
) -> None:
    key = key_of(cluster, cluster.master())
    for server in (cluster.replica, cluster.masters[0]):

        def is_master(server: RedisServer = server) -> bool:
            with suppress(RedisError):
                tell(server, "CLUSTER FAILOVER")
            return bool(tell(server, "ROLE")[0] == b"master")

        await until(is_master)
        assert await connection.ask("SET", key, server.port) == b"OK"
        assert tell(server, "GET", key) == b"%d" % server.port


async def test_a_master_that_sentinels_replaced_is_left_at_its_first_refusal(
    redis: RedisServer,
) -> None:
    """An address that leads to the master, as ElastiCache has, is looked up again."""
    connection = open_connection(redis.url, sleep=lambda _: asyncio.sleep(0))
    async with connection.connected():
        tell(redis, "REPLICAOF", "127.0.0.1", free_port())
        with pytest.raises(ErrorReply, match="READONLY"):
            await connection.ask("SET", "gatepost:key", 1)
        await until(lambda: connection.losses == 1)
        tell(redis, "REPLICAOF", "NO", "ONE")
        await until(lambda: connection.is_up)
        assert await connection.ask("SET", "gatepost:key", 1) == b"OK"


async def test_a_server_that_is_not_the_configured_one_is_not_used(
    own_server: RedisServer,
) -> None:
    right = own_server.url
    wrong = {
        "AuthenticationError": right.replace("few-rights", "guessed"),
        "certificate verify failed": right.partition("?")[0],
        "Hostname mismatch": right.replace("127.0.0.1", "localhost"),
        "ConnectionError": right.partition("?")[0].replace("rediss", "redis"),
    }
    for reason, url in wrong.items():
        connection = open_connection(url)
        with structlog.testing.capture_logs() as logs:
            async with connection.connected():
                assert not connection.is_up
        assert reason in logs[0]["reason"]
        assert "few-rights" not in str(logs)
        assert "guessed" not in str(logs)

    connection = open_connection(right, deadline=5)
    async with connection.connected():
        assert await connection.ask("SET", "gatepost:key", 1) == b"OK"
        for command in (("SET", "another:key", 1), ("FLUSHALL", ""), ("CONFIG", "GET", "*")):
            with pytest.raises(ErrorReply, match="NOPERM"):
                await connection.ask(*command)
