"""What gateways learn of plans, budgets and used units."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.event import listen

from auth_server.db.engine import open_database
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.ledger.store import sum_units
from auth_server.records.plans.store import replace_plans
from auth_server.records.plans.terms import FREE, PRO
from auth_server.records.tenants.store import change_budgets, change_plan, lock_tenant
from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import PLANS_PATH, USAGE_PATH, Budget, PlansPage, UsedUnits, month_of
from support.in_process.auth_server import ISSUER, AuthServer, running_auth_server
from support.in_process.call_events import call_event, logged_calls
from support.in_process.clock import Clock
from support.in_process.revocations import GATEWAY, assertions


class Gateway:
    """A gateway that asks the authorization server."""

    def __init__(self, server: AuthServer, database_url: str, clock: Clock) -> None:
        self.server = server
        self.database_url = database_url
        self.clock = clock

    async def ask(self, path: str, **form: str) -> Any:
        """Post a form with proof of the gateway."""
        return await self.server.http.post(path, data={**assertions(self.clock).form(), **form})

    async def plans(self, after: str = "", wait: int = 0) -> PlansPage:
        """Ask for the plans."""
        answer = await self.ask(PLANS_PATH, after=after, wait=str(wait))
        assert answer.status_code == 200, answer.text
        return PlansPage.model_validate_json(answer.content)

    async def used(self, tenant_id: str = "org_acme", env: str = "live") -> UsedUnits:
        """Ask for the units of this month."""
        month = month_of(self.clock())
        answer = await self.ask(USAGE_PATH, tenant_id=tenant_id, month=month, env=env)
        assert answer.status_code == 200, answer.text
        return UsedUnits.model_validate_json(answer.content)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Any]:
        """Open a transaction of the database."""
        database = open_database(self.database_url)
        try:
            async with database.writing() as db, db.begin():
                yield db
        finally:
            await database.close()

    async def write(self, events: Sequence[CallEvent]) -> int:
        """Write events, as a delivery or a worker does."""
        async with self.database() as db:
            return await write_calls(db, events, now=self.clock())


@pytest.fixture
async def gateway(database_url: str, clock: Clock) -> AsyncIterator[Gateway]:
    """A gateway of a running authorization server, on both databases."""
    async with running_auth_server(database_url, clock, resources=(GATEWAY,)) as server:
        yield Gateway(server, database_url, clock)


async def test_a_gateway_learns_the_shipped_plans_and_what_each_offers_next(
    gateway: Gateway,
) -> None:
    page = await gateway.plans()

    free, pro, enterprise = page.plans
    assert (free.name, free.daily_units, free.overage) == ("free", 100, False)
    assert free.next_plan is not None
    assert (free.next_plan.title, free.next_plan.price) == ("Pro", "49.00 USD a month")
    assert (pro.daily_units, pro.next_plan, enterprise.daily_units) == (10_000, None, None)
    assert page.tenants == ()
    # Also for tenants whose plan has never changed.
    assert page.upgrade_url == f"{ISSUER}/account/plan?tenant="


async def test_a_change_of_plan_wakes_a_gateway_that_waits(gateway: Gateway) -> None:
    first = await gateway.plans()
    waiting = asyncio.create_task(gateway.plans(first.after, wait=20))
    await asyncio.sleep(0)

    async with gateway.database() as db:
        tenant = await lock_tenant(db, "org_acme")
        assert tenant is not None
        change_plan(tenant, "enterprise", now=gateway.clock())
        budget = Budget(kind="client", key="client_claude", monthly_units=50)
        change_budgets(tenant, [budget], now=gateway.clock())

    page = await waiting
    assert [(one.tenant_id, one.plan, one.budgets) for one in page.tenants] == [
        ("org_acme", "enterprise", (budget,))
    ]
    again = await gateway.plans(page.after)
    assert (again.tenants, again.after) == ((), page.after)


async def test_a_change_that_is_committed_late_is_not_missed(gateway: Gateway) -> None:
    """Its time lies before that of a change that the gateway knows."""
    early = gateway.clock()
    gateway.clock.advance(seconds=5)
    for tenant_id, at in (("org_acme", gateway.clock()), ("org_globex", early)):
        async with gateway.database() as db:
            tenant = await lock_tenant(db, tenant_id)
            assert tenant is not None
            change_plan(tenant, "enterprise", now=at)
        if tenant_id == "org_acme":
            known = await gateway.plans()

    page = await gateway.plans(known.after)

    assert "org_globex" in [one.tenant_id for one in page.tenants]


@pytest.mark.both_databases
async def test_plans_that_change_wake_a_gateway_that_waits(gateway: Gateway) -> None:
    """Also where the change only differs in the terms of one plan."""
    async with gateway.database() as db:
        await replace_plans(db, [FREE, PRO])
    known = await gateway.plans()
    waiting = asyncio.create_task(gateway.plans(known.after, wait=20))
    await asyncio.sleep(0)

    async with gateway.database() as db:
        await replace_plans(db, [FREE, PRO.model_copy(update={"daily_units": 5})])

    assert [plan.daily_units for plan in (await waiting).plans] == [100, 5]


@pytest.mark.both_databases
async def test_a_waiting_gateway_costs_no_session_of_the_database(gateway: Gateway) -> None:
    """Hundreds of gateways wait at all times."""
    opened: list[object] = []
    known = await gateway.plans()
    await gateway.server.opened.feed.look()
    database = gateway.server.opened.database
    listen(database.engine.sync_engine, "begin", opened.append)

    for _ in range(3):
        await gateway.server.opened.feed.look()
    waited = await gateway.plans(known.after, wait=2)

    assert waited.after == known.after
    assert len(opened) <= 2


async def test_changed_plans_replace_the_shipped_ones(gateway: Gateway) -> None:
    before = await gateway.plans()
    async with gateway.database() as db:
        await replace_plans(db, [FREE, PRO.model_copy(update={"daily_units": 5})])

    page = await gateway.plans(before.after)

    assert [(plan.name, plan.daily_units) for plan in page.plans] == [("free", 100), ("pro", 5)]
    assert page.after != before.after


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        (PLANS_PATH, {"wait": "soon"}, "wait must be a whole number"),
        (USAGE_PATH, {"month": "november"}, "month must be written as 2026-11"),
        (USAGE_PATH, {"month": "0000-11"}, "month must be written as 2026-11"),
        (USAGE_PATH, {"month": "9999-12"}, "month must be written as 2026-11"),
    ],
)
async def test_a_malformed_question_names_the_field(
    gateway: Gateway, path: str, form: dict[str, str], said: str
) -> None:
    answer = await gateway.ask(path, **form)

    assert answer.status_code == 400
    assert said in answer.json()["error_description"]


@pytest.mark.parametrize(
    "after",
    [
        "0001-01-01T00:00:00+00:00 x org_acme",
        "9999-12-31T23:59:59-23:59 x org_acme",
        "2026-11-28T00:00:00+00:00 x org\0acme",
        "2026-11-28T00:00:00+00:00 \ud7ff é",
        "2026-11-28 x y",
    ],
)
async def test_any_position_is_answered(gateway: Gateway, after: str) -> None:
    answer = await gateway.ask(PLANS_PATH, after=after)

    assert answer.status_code in {200, 400}


@pytest.mark.parametrize("path", [PLANS_PATH, USAGE_PATH])
async def test_only_gateways_learn_plans_and_usage(gateway: Gateway, path: str) -> None:
    answer = await gateway.server.http.post(path, data={"tenant_id": "org_acme"})

    assert answer.status_code == 401


async def test_each_call_counts_once_in_the_log_the_ledger_and_the_usage(
    gateway: Gateway,
) -> None:
    at = gateway.clock()
    events = [
        call_event(at, cost=2, meter="calls"),
        call_event(at, cost=1, meter="calls", sub="usr_eve"),
        call_event(at, cost=0, outcome="refused", decision="refused"),
        call_event(at, cost=3, meter="exports", env="test"),
    ]

    assert await gateway.write(events) == 4
    assert await gateway.write([*events, *events]) == 0

    used = await gateway.used()
    assert (used.total, used.people) == (3, {"usr_ada": 2, "usr_eve": 1})
    assert used.clients == {"client_claude": 3} and used.grants == {"grant_1": 3}
    assert sum(used.days.values()) == 3
    assert (await gateway.used(env="test")).total == 3
    assert (await gateway.used("org_globex")).total == 0
    async with gateway.database() as db:
        day = timedelta(days=1)
        billed = await sum_units(db, since=at - day, until=at + day)
    assert billed == {("org_acme", "calls"): 3}


@pytest.mark.parametrize("together", [False, True])
async def test_a_call_of_unknown_outcome_counts_once_its_outcome_is_known(
    gateway: Gateway, together: bool
) -> None:
    known = call_event(gateway.clock(), cost=2, meter="calls")
    unknown = known._replace(outcome="unknown", decision="failed", cost=0, meter="")

    if together:
        await gateway.write([known, unknown])
    else:
        await gateway.write([unknown])
        assert (await gateway.used()).total == 0
        await gateway.write([known])
    for late in (known, unknown):
        assert await gateway.write([late]) == 0

    assert (await gateway.used()).total == 2
    logged = await logged_calls(gateway.database_url)
    assert [(row["outcome"], row["cost"]) for row in logged.values()] == [("success", 2)]


async def test_deliveries_at_once_count_each_call_once(gateway: Gateway) -> None:
    events = [call_event(gateway.clock(), meter="calls") for _ in range(40)]

    written = await asyncio.gather(
        gateway.write(events), gateway.write(events[::-1]), gateway.write(events[10:30])
    )

    assert sum(written) == 40
    assert (await gateway.used()).total == 40
