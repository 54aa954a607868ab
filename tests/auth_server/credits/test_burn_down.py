"""Credit pays for units exactly: whatever happens in whichever order, no money appears or is lost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from auth_server.credits.burn_down import OpenCredit, draw_units, in_order
from auth_server.credits.spend_cap import follow_price
from auth_server.records.plans.terms import MOST_UNITS, SCALE, Price, PriceStep
from gatepost.metering.plans import Budget

START = datetime(2026, 11, 1, tzinfo=UTC)
prices = st.decimals(min_value=0, max_value=5, places=12)


@st.composite
def price_lists(draw: st.DrawFn) -> Price:
    """Some included units, and one to four prices of which some may be zero."""
    included = draw(st.integers(0, 50))
    bounds = draw(st.lists(st.integers(included + 1, 200), unique=True, max_size=3))
    steps = [PriceStep(up_to=bound, unit_price=draw(prices)) for bound in sorted(bounds)]
    last = PriceStep(unit_price=draw(prices))
    return Price(included_units=included, steps=(*steps, last))


@given(price=price_lists(), after=st.integers(0, 300), amount=st.integers(0, 400 * SCALE))
def test_the_units_of_an_amount_cost_at_most_that_and_one_more_costs_more(
    price: Price, after: int, amount: int
) -> None:
    most = price.most_units(amount, after=after)

    assert most >= after
    assert price.usage_cost(most) - price.usage_cost(after) <= amount
    if most < MOST_UNITS:
        assert price.usage_cost(most + 1) - price.usage_cost(after) > amount


@given(price=price_lists(), units=st.integers(0, 300))
def test_the_exact_cost_is_the_price_of_an_invoice(price: Price, units: int) -> None:
    assert Decimal(price.usage_cost(units)) / SCALE == price.of(units)


happenings = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), st.integers(0, 100 * SCALE), st.integers(1, 30)),
        st.tuples(st.just("use"), st.integers(1, 40), st.just(0)),
        st.tuples(st.just("refund"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 10), st.just(0)),
    ),
    max_size=40,
)


@given(price=price_lists(), happened=happenings)
def test_grants_usage_expiry_and_refunds_in_any_order_keep_the_books_even(
    price: Price, happened: list[tuple[str, int, int]]
) -> None:
    credits: list[OpenCredit] = []
    given_out = taken = drawn = used = 0
    now = START
    for kind, number, days in happened:
        if kind == "grant":
            expires = now + timedelta(days=days)
            credits.append(OpenCredit(f"c{len(credits)}", number, now, expires))
            given_out += number
        elif kind == "wait":
            now += timedelta(days=number)
        elif kind == "refund" and number < len(credits):
            taken, credits[number].left = taken + credits[number].left, 0
        elif kind == "use":
            paying = in_order(credits, now)
            left = sum(one.left for one in paying)
            paid_for = price.most_units(left, after=used)
            expired = [(one.credit_id, one.left) for one in credits if not one.pays_at(now)]

            draws = draw_units(credits, price, after=used, units=number, at=now)

            reached = min(paid_for, used + number)
            amount = sum(draw.amount for draw in draws)
            assert amount == price.usage_cost(reached) - price.usage_cost(used)
            assert expired == [
                (one.credit_id, one.left) for one in credits if one.credit_id in dict(expired)
            ]
            # The one that expires first is empty before the next one is touched.
            touched = [draw.credit_id for draw in draws]
            assert touched == [one.credit_id for one in paying[: len(touched)]]
            assert all(one.left == 0 for one in paying[: max(len(touched) - 1, 0)])
            if used + number <= paid_for:
                # The number of units at which the credit is spent is the same before and after.
                left = sum(one.left for one in in_order(credits, now))
                assert not left or price.most_units(left, after=used + number) == paid_for
            drawn, used = drawn + amount, used + number
        assert all(one.left >= 0 for one in credits)
        assert given_out == taken + drawn + sum(one.left for one in credits)


@given(price=price_lists(), cap=st.decimals(min_value=0, max_value=500, places=2))
def test_a_spend_cap_allows_every_unit_that_it_pays_for_and_no_other(
    price: Price, cap: Decimal
) -> None:
    budget = Budget(kind="tenant", key="", monthly_units=0, amount=cap, currency="usd")

    units = follow_price(budget, price).monthly_units

    assert price.of(units) <= cap
    assert units == MOST_UNITS or price.of(units + 1) > cap


def test_a_cap_in_another_currency_allows_the_included_units() -> None:
    price = Price(currency="eur", included_units=70, steps=(PriceStep(unit_price=Decimal(1)),))
    budget = Budget(kind="tenant", key="", monthly_units=5, amount=Decimal(9), currency="usd")

    assert follow_price(budget, price).monthly_units == 70


def test_a_cap_on_a_plan_whose_units_cost_nothing_caps_nothing() -> None:
    budget = Budget(kind="tenant", key="", monthly_units=5, amount=Decimal(9), currency="usd")

    assert follow_price(budget, Price()).monthly_units == MOST_UNITS
