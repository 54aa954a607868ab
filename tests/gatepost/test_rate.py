from hypothesis import given
from hypothesis import strategies as st

from gatepost.metering.rate import MINUTE, take


def taken(times: list[int], *, interval: int, burst: int) -> list[int]:
    """Return the times of admitted requests."""
    busy_until, through = 0, []
    for now in times:
        after, wait = take(busy_until, now, interval=interval, burst=burst)
        if wait <= 0:
            busy_until = after
            through.append(now)
    return through


@given(
    st.lists(st.integers(1, 10 * MINUTE), max_size=60).map(sorted),
    st.integers(1, MINUTE),
    st.integers(1, 10),
)
def test_no_stretch_of_time_lets_through_more_than_the_burst_and_one_for_each_interval(
    times: list[int], interval: int, burst: int
) -> None:
    through = taken(times, interval=interval, burst=burst)
    for start, first in enumerate(through):
        for count, last in enumerate(through[start:], start=1):
            assert count <= burst + (last - first) // interval


@given(st.integers(0, MINUTE), st.integers(1, MINUTE), st.integers(1, MINUTE), st.integers(1, 10))
def test_a_caller_is_admitted_after_the_stated_wait_and_not_before(
    busy_until: int, now: int, interval: int, burst: int
) -> None:
    _, wait = take(busy_until, now, interval=interval, burst=burst)
    if wait > 0:
        assert take(busy_until, now + wait, interval=interval, burst=burst)[1] <= 0
        assert take(busy_until, now + wait - 1, interval=interval, burst=burst)[1] > 0
