"""Forecasts of a month and of the end of a quota."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from auth_server.metering.forecast import forecast_exhaustion, forecast_month
from auth_server.metering.simulate import units_refused
from auth_server.records.plans.terms import FREE

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
HOURS = st.dictionaries(
    st.integers(0, 16 * 24).map(lambda hours: NOON - timedelta(hours=hours)),
    st.integers(0, 10_000),
)


def test_a_steady_pace_goes_on_to_the_end_of_the_month() -> None:
    hours = {NOON - timedelta(days=days): 10 for days in range(1, 16)}

    # 150 until now, and ten a day for the 14.5 days that are left.
    assert forecast_month(hours, NOON) == 150 + 145


def test_a_burst_of_one_hour_is_not_continued_for_a_month() -> None:
    assert forecast_month({NOON - timedelta(hours=1): 100}, NOON) == 100 + 1450


def test_a_month_that_has_just_begun_knows_the_pace_of_the_last_one() -> None:
    first = datetime(2026, 11, 1, tzinfo=UTC)
    hours = {first - timedelta(days=days): 10 for days in range(1, 8)}

    assert forecast_month(hours, first) == 300


@given(HOURS)
def test_a_forecast_is_never_below_what_is_used(hours: dict[datetime, int]) -> None:
    month = datetime(2026, 11, 1, tzinfo=UTC)
    used = sum(units for hour, units in hours.items() if hour >= month)

    assert forecast_month(hours, NOON) >= used


def test_a_quota_that_is_half_used_at_a_quarter_of_the_day_ends_at_noon() -> None:
    midnight = NOON.replace(hour=0)
    limits = {"since": midnight, "until": midnight + timedelta(days=1)}

    six = forecast_exhaustion(50, 100, now=midnight + timedelta(hours=6), **limits)
    assert six == NOON
    assert forecast_exhaustion(20, 100, now=midnight + timedelta(hours=6), **limits) is None
    for used, limit in ((0, 100), (100, 100), (120, 100), (5, None)):
        assert forecast_exhaustion(used, limit, now=NOON, **limits) is None


@given(HOURS)
def test_a_plan_refuses_what_is_beyond_each_day_and_the_month(hours: dict[datetime, int]) -> None:
    plan = FREE.model_copy(update={"daily_units": 100, "monthly_units": 1000})
    total = sum(hours.values())

    refused = units_refused(plan, hours)

    assert total - refused == min(
        1000,
        sum(
            min(100, sum(units for hour, units in hours.items() if hour.date() == day))
            for day in {hour.date() for hour in hours}
        ),
    )
    assert units_refused(plan.model_copy(update={"overage": True}), hours) == 0
