"""Both adapters of the port `Limits`: what a call reserves, costs and gives back."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gatepost.metering.call_event import CallEvent, Outcome, write_event
from gatepost.metering.plans import UsedUnits, end_of_month
from mcp_gateway.limits.counters import TOTAL, counters_of, day_counter, month_counters
from mcp_gateway.limits.local_limits import LocalLimits, LocalRates
from mcp_gateway.limits.port import (
    Bucket,
    Exhausted,
    Quota,
    Reservation,
    TooManyRunning,
    Uncountable,
)
from mcp_gateway.limits.redis_limits import RedisLimits
from mcp_gateway.limits.share import Share
from mcp_gateway.pipeline.api_rate import ApiRate
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.open import open_connection
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.in_process.gateway import Journal, Ledger
from support.processes.redis import RedisServer, running_redis

ISSUER = "http://127.0.0.1:8400"


@dataclass
class Counting:
    """One process that counts, with its disk, the ledger it asks, and the events it has stored."""

    limits: LocalLimits | RedisLimits
    clock: Clock
    ledger: Ledger
    events: list[CallEvent] = field(default_factory=list)

    def call(self, number: int = 1, **changes: Any) -> tuple[Reservation, CallEvent]:
        """Describe one call of Ada's: what it needs, and its event if it succeeds."""
        at = self.clock()
        call_id = f"call-{number}"
        tenant = changes.pop("tenant_id", "org_acme")
        event = call_event(at, call_id=call_id, tenant_id=tenant)
        unknown = event._replace(outcome="unknown", cost=0, decision="failed")
        wanted = Reservation(
            call_id=call_id,
            tenant_id=tenant,
            month=month_counters(at, "live"),
            counters=counters_of(
                at, sub=event.sub, client_id=event.client_id, grant_id=event.grant_id
            ),
            units=1,
            intent=write_event(unknown),
        )
        return wanted._replace(**changes), event

    async def reserve(self, number: int = 1, **changes: Any) -> Any:
        """Reserve one call."""
        return await self.limits.reserve(self.call(number, **changes)[0])

    async def end(self, held: Any, cost: int, outcome: Outcome = "success") -> None:
        """Settle a call that was reserved."""
        assert isinstance(held, Reservation)
        event = call_event(self.clock(), call_id=held.call_id, tenant_id=held.tenant_id)
        await self.limits.settle(held, event._replace(cost=cost, outcome=outcome))


def shared(
    connection: RedisConnection, clock: Clock, journal: Journal, ledger: Ledger
) -> RedisLimits:
    """Count in Redis, by the test's clock."""
    return RedisLimits(
        connection,
        issuer=ISSUER,
        journal=journal,
        rates=LocalRates(clock),
        read_usage=ledger.read,
        now=clock,
        by_clock=True,
    )


@pytest.fixture(params=["local", "redis", "cluster"])
async def counting(clock: Clock, request: pytest.FixtureRequest) -> AsyncIterator[Counting]:
    ledger, events = Ledger(), list[CallEvent]()
    journal = Journal(events.append)
    if request.param == "local":
        yield Counting(LocalLimits(clock, journal, ledger.read), clock, ledger, events)
        return
    connection = open_connection(request.getfixturevalue(request.param).url)
    async with connection.connected():
        limits = shared(connection, clock, journal, ledger)
        yield Counting(limits, clock, ledger, events)


def daily(counting: Counting, most: int) -> tuple[Quota, ...]:
    """A quota of the day."""
    return (Quota(day_counter(counting.clock()), most),)


async def test_a_quota_is_spent_to_the_unit_and_refuses_the_next_call(counting: Counting) -> None:
    quotas = daily(counting, 3)
    for number in range(3):
        await counting.end(await counting.reserve(number, quotas=quotas), 1)

    assert await counting.reserve(3, quotas=quotas) == Exhausted(quotas[0].counter, 3)


async def test_a_reservation_says_how_far_its_rate_and_its_quotas_are_used(
    counting: Counting,
) -> None:
    quotas = (*daily(counting, 9), Quota(TOTAL, 100))
    buckets = (Bucket("plan:pro", 1_000_000, 10),)
    await counting.reserve(1, units=2, quotas=quotas, buckets=buckets)

    held = await counting.reserve(2, units=3, quotas=quotas, buckets=buckets)

    assert (held.full_in, held.used) == (2_000_000, (5, 5))


async def test_the_limit_of_an_api_is_reserved_with_the_plan_in_one_round_trip(
    redis: RedisServer, clock: Clock
) -> None:
    connection, rate = open_connection(redis.url), ApiRate.of("billing", "Billing", 3)
    buckets = (Bucket("plan:pro", 1_000_000, 10), rate.bucket)
    async with connection.connected():
        limits = shared(connection, clock, Journal(), Ledger())
        counting = Counting(limits, clock, Ledger())
        held = [await counting.reserve(number, buckets=buckets) for number in range(3)]
        with redis.connect() as client:
            before = client.info("stats")["total_reads_processed"]
            refused = await counting.reserve(4, buckets=buckets)
            # One read is that of the question itself.
            assert client.info("stats")["total_reads_processed"] == before + 2

    # What is left of the plan is told, and a call that the API does not take leaves it alone.
    assert [one.full_in for one in held] == [1_000_000, 2_000_000, 3_000_000]
    assert refused == ("api:billing", 20.0)


async def test_a_quota_is_kept_when_processes_come_and_go(clock: Clock) -> None:
    """Of 100 units, the others have used as many as this process."""
    share = Share(2)
    limits = LocalLimits(clock, Journal(), Ledger().read, share)
    counting = Counting(limits, clock, Ledger())
    quotas = daily(counting, 100)
    for number in range(30):
        await counting.end(await counting.reserve(number, quotas=quotas), 1)

    share.processes = 4
    held = await counting.reserve(100, quotas=quotas)
    assert held.used == (4 * 16,)
    share.processes = 1
    assert await counting.reserve(101, units=37, quotas=quotas) == Exhausted(quotas[0].counter, 64)
    assert isinstance(await counting.reserve(102, units=36, quotas=quotas), Reservation)


async def test_calls_under_way_hold_their_units(counting: Counting) -> None:
    quotas = daily(counting, 2)
    first = await counting.reserve(1, quotas=quotas)
    await counting.reserve(2, quotas=quotas)
    assert await counting.reserve(3, quotas=quotas) == Exhausted(quotas[0].counter, 2)

    await counting.end(first, 0, "error")

    assert isinstance(await counting.reserve(4, quotas=quotas), Reservation)


async def test_a_call_that_costs_less_than_reserved_gives_the_rest_back(counting: Counting) -> None:
    quotas = daily(counting, 10)
    await counting.end(await counting.reserve(1, units=8, quotas=quotas), 3)

    assert isinstance(await counting.reserve(2, units=7, quotas=quotas), Reservation)
    assert await counting.reserve(3, quotas=quotas) == Exhausted(quotas[0].counter, 10)


async def test_a_reservation_and_a_settlement_that_are_repeated_count_once(
    counting: Counting,
) -> None:
    quotas = daily(counting, 3)
    held = await counting.reserve(1, quotas=quotas)
    assert isinstance(await counting.reserve(1, quotas=quotas), Reservation)
    await counting.end(held, 1)
    await counting.end(held, 1)

    await counting.end(await counting.reserve(2, units=2, quotas=quotas), 2)
    assert await counting.reserve(3, quotas=quotas) == Exhausted(quotas[0].counter, 3)


async def test_a_day_and_a_month_start_from_zero_by_the_calendar(counting: Counting) -> None:
    # Two minutes before the last day of the month begins.
    at = counting.clock()
    counting.clock.advance(seconds=(end_of_month(at) - at).total_seconds() - 86_400 - 60)
    monthly = Quota(TOTAL, 5)
    for number in range(2):
        await counting.end(await counting.reserve(number, quotas=daily(counting, 2)), 1)
    assert isinstance(await counting.reserve(2, quotas=daily(counting, 2)), Exhausted)

    counting.clock.advance(minutes=2)
    for number in range(3, 6):
        quotas = (*daily(counting, 3), monthly)
        await counting.end(await counting.reserve(number, quotas=quotas), 1)
    assert await counting.reserve(6, quotas=(monthly,)) == Exhausted(TOTAL, 5)

    counting.clock.advance(days=1)
    assert isinstance(await counting.reserve(7, quotas=(monthly,)), Reservation)


async def test_a_long_call_still_runs_after_a_shorter_one_has_ended(counting: Counting) -> None:
    await counting.reserve(1, concurrent=2, lease=600.0)
    await counting.end(await counting.reserve(2, concurrent=2, lease=0.0), 1)

    assert isinstance(await counting.reserve(3, concurrent=2), Reservation)
    assert await counting.reserve(4, concurrent=2) == TooManyRunning(2)


async def test_a_refused_call_takes_nothing_of_anything(counting: Counting) -> None:
    rate = (Bucket("plan:free", 60_000_000, 1),)
    assert isinstance(await counting.reserve(1, quotas=daily(counting, 0)), Exhausted)
    running = await counting.reserve(2, concurrent=1, quotas=daily(counting, 2))
    for number in range(3, 6):
        refused = await counting.reserve(
            number, concurrent=1, buckets=rate, quotas=daily(counting, 2)
        )
        assert refused == TooManyRunning(1)
    await counting.end(running, 1)

    assert isinstance(
        await counting.reserve(6, concurrent=1, buckets=rate, quotas=daily(counting, 2)),
        Reservation,
    )


async def test_what_was_reserved_and_never_settled_is_given_back_as_unknown(
    counting: Counting,
) -> None:
    quotas = daily(counting, 1)
    await counting.reserve(1, quotas=quotas, lease=60, concurrent=1)
    counting.clock.advance(seconds=59)
    await counting.limits.reap()
    assert isinstance(await counting.reserve(2, quotas=quotas), Exhausted)

    counting.clock.advance(seconds=2)
    await counting.limits.reap()

    assert isinstance(await counting.reserve(3, quotas=quotas, concurrent=1), Reservation)


async def test_a_call_that_is_settled_after_it_was_given_up_counts_after_all(
    counting: Counting,
) -> None:
    quotas = daily(counting, 2)
    held = await counting.reserve(1, quotas=quotas, lease=60)
    counting.clock.advance(seconds=61)
    await counting.limits.reap()
    for _ in range(2):
        await counting.end(held, 1)

    await counting.end(await counting.reserve(2, quotas=quotas), 1)
    assert await counting.reserve(3, quotas=quotas) == Exhausted(quotas[0].counter, 2)


async def test_a_month_is_counted_on_from_what_the_ledger_holds(counting: Counting) -> None:
    day = day_counter(counting.clock()).removeprefix("day:")
    counting.ledger.used["org_acme"] = UsedUnits(total=7, days={day: 2}, people={"usr_ada": 7})

    assert await counting.reserve(1, quotas=daily(counting, 2)) == Exhausted(f"day:{day}", 2)
    assert await counting.reserve(2, quotas=(Quota(TOTAL, 7),)) == Exhausted(TOTAL, 7)
    assert await counting.reserve(3, quotas=(Quota("person:usr_ada", 7),)) == Exhausted(
        "person:usr_ada", 7
    )
    assert isinstance(await counting.reserve(4, quotas=daily(counting, 3)), Reservation)


async def test_while_the_ledger_is_away_the_plan_says_whether_calls_pass(
    counting: Counting,
) -> None:
    counting.ledger.down = True
    strict = await counting.reserve(1, quotas=daily(counting, 5), allow_uncounted=False)
    assert isinstance(strict, Uncountable)

    assert isinstance(await counting.reserve(2, quotas=daily(counting, 5)), Reservation)


async def test_calls_that_passed_while_the_ledger_was_away_count_once_it_is_back(
    counting: Counting,
) -> None:
    quotas = daily(counting, 5)
    counting.ledger.down = True
    for number in range(2):
        await counting.end(await counting.reserve(number, quotas=quotas), 1)

    # The calls of before, and those two, which have reached it meanwhile.
    used = UsedUnits(total=4, days={quotas[0].counter.removeprefix("day:"): 4})
    counting.ledger.used["org_acme"] = used
    counting.ledger.down = False
    counting.clock.advance(seconds=6)

    assert isinstance(await counting.reserve(2, quotas=quotas), Reservation)
    assert await counting.reserve(3, quotas=quotas) == Exhausted(quotas[0].counter, 5)


async def test_a_restarted_gateway_counts_the_calls_that_wait_on_its_disk(clock: Clock) -> None:
    ledger, journal = Ledger(), Journal()
    limits = LocalLimits(clock, journal, ledger.read)
    counting = Counting(limits, clock, ledger)
    quotas = daily(counting, 5)
    strict: dict[str, Any] = {"quotas": quotas, "allow_uncounted": False}
    journal.deliver = lambda: False
    assert isinstance(await counting.reserve(1, **strict), Uncountable)

    def deliver() -> bool:
        day = quotas[0].counter.removeprefix("day:")
        ledger.used["org_acme"] = UsedUnits(total=4, days={day: 4})
        return True

    journal.deliver = deliver
    clock.advance(seconds=6)

    assert isinstance(await counting.reserve(2, **strict), Reservation)
    assert await counting.reserve(3, **strict) == Exhausted(quotas[0].counter, 5)


async def test_a_tenant_that_has_used_its_quota_takes_nothing_from_another(
    counting: Counting,
) -> None:
    await counting.reserve(1, quotas=daily(counting, 1))

    other = await counting.reserve(2, tenant_id="org_globex", quotas=daily(counting, 1))
    assert isinstance(other, Reservation)


async def test_redis_that_vanishes_before_the_settlement_loses_no_event_and_counts_it_later(
    redis: RedisServer, clock: Clock
) -> None:
    stored: list[CallEvent] = []
    async with AsyncExitStack() as stack:

        async def connect() -> RedisLimits:
            connection = open_connection(redis.url, deadline=0.05)
            await stack.enter_async_context(connection.connected())
            return shared(connection, clock, Journal(stored.append), Ledger())

        counting = Counting(await connect(), clock, Ledger())
        quotas = daily(counting, 2)
        first = await counting.reserve(1, quotas=quotas)
        assert redis.process is not None
        redis.process.send_signal(signal.SIGSTOP)
        try:
            await counting.end(first, 1)
            second = await counting.reserve(2, quotas=quotas)
            assert isinstance(second, Reservation) and not second.counted
            await counting.end(second, 1)
        finally:
            redis.process.send_signal(signal.SIGCONT)
        assert [event.call_id for event in stored] == ["call-1", "call-2"]

        counting.limits = later = await connect()
        for event in [*stored, *stored]:
            await later.settle_event(event)

        assert await counting.reserve(3, quotas=quotas) == Exhausted(quotas[0].counter, 2)


class Spending(RuleBasedStateMachine):
    """Calls of two tenants reserve, end, die, are repeated and given up, in any order."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.clock.advance(days=-(self.clock().day - 1))  # the month does not end meanwhile
        self.counting = self.open()
        self.number = 0
        self.held: dict[str, tuple[Reservation, float]] = {}
        self.over: dict[str, tuple[Reservation, int]] = {}
        self.given_up: dict[str, Reservation] = {}

    def open(self) -> Counting:
        """Count in this process."""
        ledger = Ledger()
        limits = LocalLimits(self.clock, Journal(), ledger.read)
        return Counting(limits, self.clock, ledger)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end."""
        return self.loop.run_until_complete(work)

    def spent(self, tenant: str) -> int:
        """Return the units that this tenant's calls hold or have cost."""
        held = sum(call.units for call, _ in self.held.values() if call.tenant_id == tenant)
        return held + sum(cost for call, cost in self.over.values() if call.tenant_id == tenant)

    @rule(tenant=st.sampled_from(["org_acme", "org_globex"]), units=st.integers(0, 4))
    def reserve(self, tenant: str, units: int) -> None:
        self.number += 1
        fits = self.spent(tenant) + units <= 10
        quotas = (Quota(TOTAL, 10),)
        held = self.run(
            self.counting.reserve(self.number, tenant_id=tenant, units=units, quotas=quotas)
        )
        assert isinstance(held, Reservation) == fits
        if fits:
            self.held[held.call_id] = held, self.clock().timestamp() + held.lease

    @precondition(lambda self: self.held)
    @rule(data=st.data(), share=st.integers(0, 4))
    def settle(self, data: st.DataObject, share: int) -> None:
        call_id = data.draw(st.sampled_from(sorted(self.held)))
        held, _ = self.held.pop(call_id)
        cost = min(share, held.units)
        self.run(self.counting.end(held, cost))
        self.over[call_id] = held, cost

    @precondition(lambda self: self.over)
    @rule(data=st.data())
    def settle_again(self, data: st.DataObject) -> None:
        held, cost = self.over[data.draw(st.sampled_from(sorted(self.over)))]
        self.run(self.counting.end(held, cost))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def reserve_again(self, data: st.DataObject) -> None:
        held, _ = self.held[data.draw(st.sampled_from(sorted(self.held)))]
        assert isinstance(self.run(self.counting.limits.reserve(held)), Reservation)

    @rule(seconds=st.sampled_from([1, 40, 61]))
    def give_up(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)
        self.run(self.counting.limits.reap())
        now = self.clock().timestamp()
        for call_id in [call_id for call_id, (_, due) in self.held.items() if due <= now]:
            self.given_up[call_id] = self.held.pop(call_id)[0]

    @precondition(lambda self: self.given_up)
    @rule(data=st.data())
    def settle_late(self, data: st.DataObject) -> None:
        call_id = data.draw(st.sampled_from(sorted(self.given_up)))
        held = self.given_up.pop(call_id)
        self.run(self.counting.end(held, held.units))
        self.over[call_id] = held, held.units

    def teardown(self) -> None:
        """Compare the counters with what was spent, to the unit."""
        for tenant in ("org_acme", "org_globex"):
            spent = self.spent(tenant)
            probe = (Quota(TOTAL, spent),)
            fits = self.run(self.counting.reserve(-1, tenant_id=tenant, units=0, quotas=probe))
            assert isinstance(fits, Reservation)
            over = self.run(self.counting.reserve(-2, tenant_id=tenant, units=1, quotas=probe))
            assert over == Exhausted(TOTAL, spent)
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        self.loop.close()


TestNoInterleavingOverspendsOrLosesAUnit = Spending.TestCase
TestNoInterleavingOverspendsOrLosesAUnit.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def redis_for_examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("reservations")) as server:
        yield server


def test_no_interleaving_overspends_or_loses_a_unit_in_redis(
    redis_for_examples: RedisServer,
) -> None:
    class InRedis(Spending):
        """The same in Redis."""

        def open(self) -> Counting:
            """Count in Redis."""
            self.stack = AsyncExitStack()
            connection = open_connection(redis_for_examples.url)
            self.run(self.stack.enter_async_context(connection.connected()))
            self.run(_ask(connection, "FLUSHALL"))
            ledger = Ledger()
            limits = shared(connection, self.clock, Journal(), ledger)
            return Counting(limits, self.clock, ledger)

        def close(self) -> None:
            """Close the connection too."""
            self.run(self.stack.aclose())
            super().close()

    run_state_machine_as_test(
        InRedis,
        settings=settings(
            max_examples=10,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def _ask(connection: RedisConnection, *command: str) -> Any:
    return await connection.ask(*command)
