"""The money of each tool, person and app: together, they are the invoice."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.gateway_api.write_calls import write_calls
from auth_server.metering.shares import preview_invoice, share_out, split_amount
from auth_server.records.plans.store import replace_plans
from auth_server.records.plans.terms import FREE, PRO, Price, PriceStep
from auth_server.records.usage.store import Ranking, UsedBy, UsedByOthers
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.call_events import call_event

PRICE = Price(
    monthly=Decimal(49),
    included_units=10,
    steps=(
        PriceStep(up_to=100, unit_price=Decimal("0.07")),
        PriceStep(unit_price=Decimal("0.013")),
    ),
)
_units = st.integers(0, 10**12)
_prices = st.builds(
    lambda currency, monthly, included, first, later: Price(
        currency=currency,
        monthly=monthly,
        included_units=included,
        steps=(
            PriceStep(up_to=included + 1000, unit_price=first),
            PriceStep(unit_price=later),
        ),
    ),
    st.sampled_from(["usd", "jpy", "kwd", "isk"]),
    *(st.decimals(0, 10**6, places=4), st.integers(0, 10**6)),
    *(st.decimals(0, 100, places=12), st.decimals(0, 100, places=12)),
)


@given(st.lists(_units, max_size=30), _units, _prices)
def test_the_amounts_of_all_shares_are_the_invoices_amount_for_units(
    units: list[int], others: int, price: Price
) -> None:
    used = sum(units) + others
    listed = [UsedBy(str(place), 1, 0, one) for place, one in enumerate(units)]
    ranking = Ranking(listed, UsedByOthers(2, 2, 0, others))
    invoice = preview_invoice(price, used)

    shares = share_out(ranking, invoice, {})

    assert shares.rest is not None
    assert sum(one.amount for one in shares.listed) + shares.rest.amount == invoice.usage
    assert invoice.monthly + invoice.usage == invoice.total


@given(st.integers(0, 10**18), st.lists(_units, max_size=50))
def test_no_part_is_a_whole_unit_away_from_its_exact_size(amount: int, weights: list[int]) -> None:
    parts = split_amount(amount, weights)

    assert sum(parts) == (amount if sum(weights) else 0)
    for part, weight in zip(parts, weights, strict=True):
        assert not weight or abs(part - Fraction(amount * weight, sum(weights))) < 1
        assert weight or not part


@pytest.mark.both_databases
async def test_an_operator_reads_what_each_tool_person_and_app_of_a_tenant_costs(
    auth_server: AuthServer,
) -> None:
    now = auth_server.clock()
    async with auth_server.opened.transaction() as db:
        await replace_plans(db, [FREE, PRO.model_copy(update={"price": PRICE})])
        # 23 tools and one person, of which 20 tools are listed.
        events = [call_event(now, tool=f"tool_{n:02}", cost=30 - n) for n in range(23)]
        events.append(call_event(now, sub="usr_bo", cost=0, outcome="refused", tool="tool_00"))
        await write_calls(db, events, now=now)
    used = sum(30 - n for n in range(23))

    answer = await (await admin_api(auth_server)).call("GET", "/tenants/org_acme/usage")

    report = answer.json()
    usage = Decimal(report["invoice"]["usage"])
    assert report["units"] == used
    assert usage == (PRICE.of(used) - 49).quantize(Decimal("0.01"))
    assert len(report["tools"]) == 20
    rest = report["more_tools"]
    assert (rest["number"], rest["calls"], rest["refused"], rest["units"]) == (3, 3, 0, 27)
    amounts = [Decimal(one["amount"]) for one in report["tools"]]
    assert sum(amounts) + Decimal(rest["amount"]) == usage
    assert amounts == sorted(amounts, reverse=True)
    people = [(one["key"], Decimal(one["amount"])) for one in report["people"]]
    assert people == [("usr_ada", usage), ("usr_bo", 0)]
    assert [Decimal(one["amount"]) for one in report["clients"]] == [usage]
    assert report["more_people"] is None


async def test_a_tenant_that_does_not_exist_has_no_usage(sqlite_server: AuthServer) -> None:
    answer = await (await admin_api(sqlite_server)).call("GET", "/tenants/org_nowhere/usage")

    assert answer.status_code == 404
    assert "org_nowhere does not exist" in answer.text
