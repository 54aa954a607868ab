"""Both adapters of the port that counts calls, compared with a simple model."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatepost.metering.rate import MINUTE
from mcp_gateway.limits.local_limits import LocalLimits, LocalRates
from mcp_gateway.limits.port import Bucket, Limits
from mcp_gateway.limits.redis_limits import RedisLimits
from mcp_gateway.limits.share import Share
from mcp_gateway.pipeline.api_rate import ApiRate
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.open import open_connection
from mcp_gateway.redis.resp import RedisUnavailable
from support.in_process.clock import Clock
from support.in_process.gateway import Journal, Ledger
from support.processes.redis import RedisServer, running_redis

ISSUER = "http://127.0.0.1:8400"
TEN_A_MINUTE = Bucket("tier", MINUTE // 10, 3)
ONE_AN_HOUR = Bucket("tool:export", 60 * MINUTE, 1)
HUNDRED_A_MINUTE = Bucket("plan:pro", MINUTE // 100, 100)
BILLING, ORBIT = (ApiRate.of(name, name.title(), 3) for name in ("billing", "orbit"))


def local(clock: Clock, *, replicas: int = 1) -> LocalLimits:
    """Count in this process."""
    return LocalLimits(clock, Journal(), Ledger().read, share=Share(replicas))


def shared(
    connection: RedisConnection, clock: Clock, *, replicas: int = 1, by_clock: bool = True
) -> RedisLimits:
    """Count in Redis, by the test's clock."""
    return RedisLimits(
        connection,
        issuer=ISSUER,
        journal=Journal(),
        rates=LocalRates(clock, Share(replicas)),
        read_usage=Ledger().read,
        now=clock,
        by_clock=by_clock,
    )


@pytest.fixture(params=["local", "redis", "cluster"])
async def limits(clock: Clock, request: pytest.FixtureRequest) -> AsyncIterator[Limits]:
    if request.param == "local":
        yield local(clock)
        return
    connection = open_connection(request.getfixturevalue(request.param).url)
    async with connection.connected():
        yield shared(connection, clock)


async def test_a_burst_is_let_through_and_then_one_call_for_each_interval(
    limits: Limits, clock: Clock
) -> None:
    taken = [await limits.take("org_acme", [TEN_A_MINUTE]) for _ in range(4)]

    assert taken[:3] == [None] * 3
    assert taken[3] == ("tier", 6.0)
    clock.advance(seconds=5.5)
    assert await limits.take("org_acme", [TEN_A_MINUTE]) == ("tier", 0.5)
    clock.advance(seconds=0.5)
    assert await limits.take("org_acme", [TEN_A_MINUTE]) is None
    assert await limits.take("org_acme", [TEN_A_MINUTE]) == ("tier", 6.0)


async def test_a_tenant_that_calls_too_often_takes_nothing_from_another(
    limits: Limits,
) -> None:
    for _ in range(20):
        await limits.take("org_acme", [TEN_A_MINUTE])

    assert await limits.take("org_globex", [TEN_A_MINUTE]) is None


async def test_a_call_that_finds_no_room_in_one_bucket_takes_room_in_none(
    limits: Limits,
) -> None:
    both = [TEN_A_MINUTE, ONE_AN_HOUR]
    assert await limits.take("org_acme", both) is None
    for _ in range(20):
        assert await limits.take("org_acme", both) == ("tool:export", 3600.0)

    assert await limits.take("org_acme", [TEN_A_MINUTE]) is None
    assert await limits.take("org_acme", [TEN_A_MINUTE]) is None
    assert await limits.take("org_acme", [TEN_A_MINUTE]) == ("tier", 6.0)


async def test_calls_to_one_api_take_no_room_from_another_of_the_same_tenant_a404(
    limits: Limits, clock: Clock
) -> None:
    for _ in range(20):
        await limits.take("org_acme", [HUNDRED_A_MINUTE, BILLING.bucket])

    assert await limits.take("org_acme", [HUNDRED_A_MINUTE, BILLING.bucket]) == (
        "api:billing",
        20.0,
    )
    taken = [await limits.take("org_acme", [HUNDRED_A_MINUTE, ORBIT.bucket]) for _ in range(4)]
    assert taken == [None, None, None, ("api:orbit", 20.0)]


async def test_a_composite_tool_takes_room_for_each_call_that_it_may_make_a405(
    limits: Limits, clock: Clock
) -> None:
    twice, often = BILLING.bucket_for(2), BILLING.bucket_for(5)
    assert await limits.take("org_acme", [twice]) is None
    assert await limits.take("org_acme", [twice]) == ("api:billing", 40.0)
    assert await limits.take("org_acme", [BILLING.bucket]) is None
    assert await limits.take("org_acme", [BILLING.bucket]) == ("api:billing", 20.0)
    # Something that makes more calls than a minute has waits until all is free, and is paid for later.
    assert await limits.take("org_acme", [often]) == ("api:billing", 60.0)
    clock.advance(seconds=60)
    assert await limits.take("org_acme", [often]) is None
    assert await limits.take("org_acme", [BILLING.bucket]) == ("api:billing", 60.0)


async def test_of_many_calls_at_once_the_burst_is_let_through(limits: Limits) -> None:
    taken = await asyncio.gather(*(limits.take("org_acme", [TEN_A_MINUTE]) for _ in range(50)))

    assert taken.count(None) == 3


async def test_a_clock_that_is_set_back_locks_nobody_out_for_longer_than_it_was_set_back(
    limits: Limits, clock: Clock
) -> None:
    assert await limits.take("org_acme", [TEN_A_MINUTE]) is None
    clock.advance(seconds=-30)
    refused = await limits.take("org_acme", [TEN_A_MINUTE])
    assert refused is not None and refused.seconds <= 30

    clock.advance(seconds=30)
    assert await limits.take("org_acme", [TEN_A_MINUTE]) is None


class Model:
    """The law itself: in any stretch of time, no more than the burst and one for each interval.

    It keeps every call that was let through, and lets one through where each stretch that ends now
    holds no more than it may.
    """

    def __init__(self) -> None:
        self._calls: list[tuple[int, str, str]] = []

    def take(self, now: int, tenant: str, buckets: list[Bucket]) -> bool:
        """Take capacity, and return whether there was any."""
        for bucket in buckets:
            mine = [at for at, *key in self._calls if key == [tenant, bucket.name]]
            for number, since in enumerate(mine):
                room = bucket.burst * bucket.interval + now - since
                if (len(mine) - number + 1) * bucket.interval > room:
                    return False
            if bucket.burst < 1:
                return False
        self._calls += [(now, tenant, bucket.name) for bucket in buckets]
        return True


BUCKETS = [Bucket("tier", 1_000_000, 3), Bucket("tool:a", 2_500_000, 1), Bucket("tool:b", 7, 2)]
steps = st.lists(
    st.tuples(
        st.integers(0, 4_000_000),
        st.sampled_from(["org_acme", "org_globex"]),
        st.lists(st.sampled_from(BUCKETS), min_size=1, max_size=3, unique=True),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def redis_for_examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("examples")) as server:
        yield server


@given(steps)
def test_no_tenant_gets_more_than_its_limit_in_any_order(
    calls: list[tuple[int, str, list[Bucket]]],
) -> None:
    """A tenant never gets less, either: the local count equals the model call by call."""
    clock, model = Clock(), Model()
    limits = LocalRates(clock)
    for pause, tenant, buckets in calls:
        clock.advance(microseconds=pause)
        now = int(clock().timestamp() * 1_000_000)
        assert (limits.take(tenant, buckets) is None) == model.take(now, tenant, buckets)


@given(steps)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_redis_counts_as_one_process_would(
    redis_for_examples: RedisServer, calls: list[tuple[int, str, list[Bucket]]]
) -> None:
    async def compare() -> None:
        clock = Clock()
        connection = open_connection(redis_for_examples.url)
        async with connection.connected():
            await connection.ask("FLUSHALL")
            alone, together = LocalRates(clock), shared(connection, clock)
            for pause, tenant, buckets in calls:
                clock.advance(microseconds=pause)
                expected = alone.take(tenant, buckets)
                assert await together.take(tenant, buckets) == expected

    asyncio.run(compare())


async def test_many_processes_together_admit_as_many_calls_as_one(
    redis: RedisServer, clock: Clock
) -> None:
    one, other = open_connection(redis.url), open_connection(redis.url)
    async with one.connected(), other.connected():
        processes = [shared(one, clock), shared(other, clock)]
        taken = [await processes[n % 2].take("org_acme", [TEN_A_MINUTE]) for n in range(8)]

    assert taken.count(None) == 3


async def test_redis_counts_by_its_own_clock_where_none_is_given(redis: RedisServer) -> None:
    connection = open_connection(redis.url)
    async with connection.connected():
        limits = shared(connection, Clock(), by_clock=False)
        taken = [await limits.take("org_acme", [ONE_AN_HOUR]) for _ in range(2)]

    assert taken[0] is None
    assert taken[1] is not None and 3590 < taken[1].seconds <= 3600


async def test_a_bucket_in_redis_expires_once_it_is_full(redis: RedisServer, clock: Clock) -> None:
    connection = open_connection(redis.url)
    async with connection.connected():
        limits = shared(connection, clock)
        await limits.take("org_acme", [TEN_A_MINUTE, ONE_AN_HOUR])
        with redis.connect() as client:
            keys = client.keys()
            ends = sorted(client.pttl(key) for key in keys)

    assert len({key[: key.index(b"}")] for key in keys}) == 1
    assert 0 < ends[0] <= 6001
    assert 6001 < ends[1] <= 3_600_001


async def test_a_redis_that_was_restarted_is_taught_to_count_again(
    redis: RedisServer, clock: Clock
) -> None:
    connection = open_connection(redis.url)
    async with connection.connected():
        limits = shared(connection, clock)
        assert await limits.take("org_acme", [ONE_AN_HOUR]) is None
        await connection.ask("SCRIPT", "FLUSH")
        assert await limits.take("org_acme", [ONE_AN_HOUR]) == ("tool:export", 3600.0)


async def test_while_redis_is_away_each_process_lets_its_share_through(
    redis: RedisServer, clock: Clock
) -> None:
    connection = open_connection(redis.url, deadline=0.05)
    bucket = Bucket("plan:pro", MINUTE // 40, 8)
    async with connection.connected():
        limits = shared(connection, clock, replicas=4)
        assert limits.describe() == "counted in Redis"
        assert redis.process is not None
        redis.process.send_signal(signal.SIGSTOP)
        try:
            taken = [await limits.take("org_acme", [bucket]) for _ in range(4)]
            assert limits.describe() == "counted by each process: Redis is down"
        finally:
            redis.process.send_signal(signal.SIGCONT)
        assert taken == [None, None, ("plan:pro", 6.0), ("plan:pro", 6.0)]
        clock.advance(hours=1)
        while limits.describe() != "counted in Redis":
            with suppress(RedisUnavailable):
                await limits.reap()
            await asyncio.sleep(0)


def test_a_processs_counts_do_not_grow_without_end(clock: Clock) -> None:
    limits = LocalRates(clock)
    for number in range(60_000):
        limits.take(f"org_{number}", [TEN_A_MINUTE])
        clock.advance(milliseconds=1)

    assert len(limits._busy_until) < 50_001
    assert limits.take("org_59999", [TEN_A_MINUTE]) is None
