"""The calendar of quotas."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from gatepost.metering.plans import day_of, end_of_day, end_of_month, month_of

moments = st.datetimes(
    min_value=datetime(2000, 1, 1),
    max_value=datetime(2200, 1, 1),
    timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))),
)


@given(moments)
def test_a_quota_is_reset_by_the_calendar_in_utc_wherever_the_clock_is(at: datetime) -> None:
    day, month = end_of_day(at), end_of_month(at)

    assert at < day <= at + timedelta(days=1) and at < month <= at + timedelta(days=31)
    assert day_of(day - timedelta(microseconds=1)) == day_of(at) != day_of(day)
    assert month_of(month - timedelta(microseconds=1)) == month_of(at) != month_of(month)
    assert day_of(at).startswith(month_of(at))


def test_the_last_month_of_a_year_ends_with_the_year() -> None:
    last = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)

    assert end_of_day(last) == end_of_month(last) == datetime(2027, 1, 1, tzinfo=UTC)
