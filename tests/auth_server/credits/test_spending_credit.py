"""A tenant with credit goes on past its quota until the credit is spent."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from auth_server.credits.balance import read_balances
from auth_server.credits.change import announce_due_credits, exact, give_credit, take_back
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.credits.table import PrepaidCredit
from auth_server.records.metered_hours.store import sum_metered_of_tenant
from auth_server.records.plans.store import replace_plans
from auth_server.records.plans.terms import FREE, PRO, Price, PriceStep
from auth_server.records.tenants.store import change_budgets, change_plan, lock_tenant
from gatepost.metering.plans import PLANS_PATH, Budget, PlansPage, TenantPlan, end_of_month
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.in_process.revocations import GATEWAY, assertions

PREPAID = FREE.model_copy(
    update={
        "daily_units": None,
        "monthly_units": 10,
        "price": Price(
            included_units=10,
            steps=(
                PriceStep(up_to=20, unit_price=Decimal("0.5")),
                PriceStep(unit_price=Decimal("0.03")),
            ),
            credits=(Decimal(5), Decimal(50)),
            credit_days=365,
        ),
    }
)
TENANT = "org_globex"


class Books:
    """A server with the prepaid plan, and what happens to Globex on it."""

    def __init__(self, server: AuthServer, clock: Clock) -> None:
        self.server = server
        self.clock = clock
        self.calls = 0

    async def give(self, amount: str, days: int | None = None, name: str = "one") -> None:
        """Give credit."""
        now = self.clock()
        credit = PrepaidCredit(
            credit_id=name,
            tenant_id=TENANT,
            currency="usd",
            amount=exact(Decimal(amount)),
            source="operator",
            reason="a test",
            created_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
        )
        async with self.server.opened.transaction() as db:
            await give_credit(db, credit, now=now)

    async def use(self, units: int, at: datetime | None = None) -> None:
        """Write one call that costs units."""
        self.calls += 1
        event = call_event(
            at or self.clock(), tenant_id=TENANT, cost=units, call_id=f"call_{self.calls}"
        )
        async with self.server.opened.transaction() as db:
            await write_calls(db, [event, event], now=self.clock())

    async def left(self) -> Decimal:
        """Tell what is left of all credit, in dollars."""
        async with self.server.opened.database.reading() as db:
            found = (await read_balances(db, [TENANT]))[TENANT]
        return Decimal(found.left("usd", self.clock())) / 10**12

    async def heard(self) -> TenantPlan:
        """Tell what a gateway that asks for everything hears of Globex."""
        form = {**assertions(self.clock).form(), "wait": "0"}
        answer = await self.server.http.post(PLANS_PATH, data=form)
        page = PlansPage.model_validate_json(answer.content)
        return next(one for one in page.tenants if one.tenant_id == TENANT)

    async def limit(self) -> int | None:
        """Tell the units of the month at which gateways take the credit as spent."""
        credit = (await self.heard()).credit
        return None if credit is None else credit.units


@pytest.fixture
async def books(database_url: str, clock: Clock) -> AsyncIterator[Books]:
    """The server in the middle of a month."""
    clock.advance(seconds=(end_of_month(clock()) - clock()).total_seconds() + 10 * 86_400)
    async with running_auth_server(database_url, clock, resources=(GATEWAY,)) as server:
        async with server.opened.transaction() as db:
            await replace_plans(db, [PREPAID, PRO])
        yield Books(server, clock)


@pytest.mark.both_databases
async def test_units_beyond_the_included_ones_draw_from_credit_by_the_steps_of_the_price(
    books: Books,
) -> None:
    await books.give("5.30")
    assert await books.limit() == 30  # ten included, ten at 0.50, ten at 0.03
    await books.use(8)
    assert (await books.left(), await books.limit()) == (Decimal("5.30"), 30)

    await books.use(4)
    assert (await books.left(), await books.limit()) == (Decimal("4.30"), 30)

    await books.use(13)
    assert (await books.left(), await books.limit()) == (Decimal("0.15"), 30)


@pytest.mark.both_databases
async def test_a_call_that_is_written_while_gateways_ask_does_not_count_twice(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    await books.give("5.30")

    async def read_after_a_call(*args: Any, **times: Any) -> int:
        monkeypatch.undo()
        await books.use(15)
        return await sum_metered_of_tenant(*args, **times)

    monkeypatch.setattr("auth_server.credits.balance.sum_metered_of_tenant", read_after_a_call)

    assert await books.limit() == 30


async def test_a_spent_credit_leaves_the_quota_of_the_plan(books: Books) -> None:
    await books.give("1.20")
    await books.use(13)

    # Twenty cents are less than the next unit costs.
    assert (await books.left(), await books.limit()) == (Decimal("0.20"), None)


async def test_the_credit_that_expires_first_is_spent_first(books: Books) -> None:
    await books.give("5", name="forever")
    await books.give("1", days=2, name="soon")
    await books.use(11)
    books.clock.advance(days=3)

    assert await books.left() == Decimal(5)


async def test_an_expired_credit_is_announced_and_pays_for_nothing(books: Books) -> None:
    await books.give("5", days=2)
    until = (await books.heard()).credit
    assert until is not None and until.until == books.clock() + timedelta(days=2)
    books.clock.advance(days=2, seconds=1)
    async with books.server.opened.transaction() as db:
        await announce_due_credits(db, now=books.clock())

    assert await books.limit() is None
    await books.use(15)
    assert await books.left() == 0


async def test_a_new_month_has_its_included_units_again(books: Books) -> None:
    await books.give("5.30")
    await books.use(12)
    books.clock.advance(seconds=(end_of_month(books.clock()) - books.clock()).total_seconds())
    before = await books.heard()
    async with books.server.opened.transaction() as db:
        await announce_due_credits(db, now=books.clock())

    after = (await books.heard()).credit
    assert after is not None and after.units == 18
    assert before.credit is not None and before.credit.month == after.month


async def test_usage_from_before_the_credit_is_not_paid_by_it(books: Books) -> None:
    earlier = books.clock()
    books.clock.advance(minutes=5)
    await books.give("5")

    await books.use(15, at=earlier)

    assert await books.left() == Decimal(5)
    await books.use(1)
    assert await books.left() == Decimal("4.50")


@pytest.mark.both_databases
async def test_calls_written_at_once_draw_each_unit_once(books: Books) -> None:
    await books.give("50")
    await asyncio.gather(*(books.use(3) for _ in range(8)))

    # 24 units: ten included, ten at 0.50, four at 0.03.
    assert await books.left() == Decimal("44.88")


async def test_what_is_taken_back_is_gone_once(books: Books) -> None:
    await books.give("5")
    await books.use(12)
    taken = []
    for cause, most in (
        ("refund", exact(Decimal(1))),
        ("refund", exact(Decimal(1))),
        ("dispute", None),
    ):
        async with books.server.opened.transaction() as db:
            taken.append(await take_back(db, "one", cause, most=most, reason="", now=books.clock()))

    assert taken == [exact(Decimal(1)), 0, exact(Decimal(3))]
    assert (await books.left(), await books.limit()) == (Decimal(0), None)


async def test_a_credit_of_the_same_id_is_given_once(books: Books) -> None:
    await books.give("5")
    await books.give("5")

    assert await books.left() == Decimal(5)


async def test_another_plan_changes_what_credit_pays_for(books: Books) -> None:
    await books.give("5.30")
    async with books.server.opened.transaction() as db:
        tenant = await lock_tenant(db, TENANT)
        assert tenant is not None
        change_plan(tenant, "pro", now=books.clock())

    assert await books.limit() is None  # its units have no price
    await books.use(50)
    assert await books.left() == Decimal("5.30")


async def test_a_spend_cap_reaches_gateways_as_units(books: Books) -> None:
    cap = Budget(
        kind="tenant", key="", monthly_units=0, amount=Decimal("5.30"), currency="usd", hard=True
    )
    async with books.server.opened.transaction() as db:
        tenant = await lock_tenant(db, TENANT)
        assert tenant is not None
        change_budgets(tenant, [cap], now=books.clock())

    (budget,) = (await books.heard()).budgets
    assert (budget.monthly_units, budget.amount) == (30, Decimal("5.30"))
