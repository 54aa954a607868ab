"""When the breaker opens, for which tenants, and how it closes again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_gateway.upstream.breaker import LONGEST_PAUSE, PAUSE, Breaker
from support.in_process.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock, patience=3)


def fail(breaker: Breaker, times: int = 3, tenants: str = "ab") -> list[bool]:
    """Fail for tenants in turn."""
    return [breaker.failed(tenants[number % len(tenants)]) for number in range(times)]


def test_repeated_failures_open_the_breaker_for_a_while(clock: Clock, breaker: Breaker) -> None:
    assert fail(breaker) == [False, False, True]
    assert breaker.wait("a") == breaker.wait("c") == PAUSE
    clock.advance(seconds=PAUSE - 1)
    assert breaker.wait("a") == 1


def test_an_answer_in_between_is_a_new_beginning(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.wait("a") == 0


def test_failing_half_of_the_time_is_failing(breaker: Breaker) -> None:
    for _ in range(3):
        assert not breaker.is_open
        breaker.succeeded()
        fail(breaker, 2)
    assert breaker.is_open


def test_failing_now_and_then_is_not(clock: Clock, breaker: Breaker) -> None:
    for _ in range(50):
        breaker.succeeded()
        fail(breaker, 1)
        clock.advance(seconds=31)
    assert not breaker.is_open


def test_one_call_tries_and_the_others_wait_for_its_result(clock: Clock, breaker: Breaker) -> None:
    fail(breaker)
    clock.advance(seconds=PAUSE)
    assert breaker.wait("a") == 0
    assert breaker.begin_probe("a")
    assert breaker.wait("b") > 0
    breaker.succeeded()
    assert breaker.wait("b") == 0
    assert not breaker.begin_probe("b")


def test_each_try_that_fails_doubles_the_pause_up_to_a_minute(
    clock: Clock, breaker: Breaker
) -> None:
    fail(breaker)
    pauses = []
    for _ in range(6):
        clock.advance(seconds=breaker.wait("a"))
        breaker.begin_probe("a")
        assert breaker.failed("a")
        pauses.append(breaker.wait("b"))
    assert pauses == [10, 20, 40, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_try_that_ended_without_an_outcome_lets_another_try(
    clock: Clock, breaker: Breaker
) -> None:
    fail(breaker)
    clock.advance(seconds=PAUSE)
    breaker.begin_probe("a")
    breaker.end_probe()
    assert breaker.wait("b") == 0


def test_a_call_that_was_on_its_way_before_makes_no_pause_longer(breaker: Breaker) -> None:
    fail(breaker)
    assert not breaker.failed("a")
    assert breaker.wait("a") == PAUSE


def test_a_clock_that_was_set_back_makes_no_pause_longer(clock: Clock, breaker: Breaker) -> None:
    fail(breaker)
    clock.advance(hours=-1)
    assert breaker.wait("a") == 0


def test_the_pause_that_the_upstream_asks_for_is_kept(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.failed("a", at_least=42)
    assert breaker.wait("a") == 42


def test_a_tenant_with_failing_calls_closes_nothing_to_others(breaker: Breaker) -> None:
    fail(breaker, 9, "a")
    assert breaker.wait("a") > 0
    assert breaker.wait("b") == 0
    assert not breaker.begin_probe("b")
    breaker.failed("b")
    assert breaker.wait("c") > 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from(["fails", "fails", "fails", "succeeds", "ends"]),
            st.integers(0, 40),
        ),
        max_size=60,
    )
)
def test_nobody_is_refused_permanently_or_for_another_tenants_failures(
    calls: list[tuple[str, str, int]],
) -> None:
    clock = Clock()
    breaker = Breaker(clock, patience=3)
    failed: set[str] = set()
    for tenant, outcome, pause in calls:
        clock.advance(seconds=pause)
        assert breaker.wait("bystander") == 0 or len(failed) > 1
        assert breaker.wait(tenant) <= LONGEST_PAUSE
        if breaker.wait(tenant):
            continue
        probes = breaker.begin_probe(tenant)
        if outcome == "fails":
            breaker.failed(tenant)
            failed.add(tenant)
        elif outcome == "succeeds":
            breaker.succeeded()
            assert not breaker.is_open
        if probes:
            breaker.end_probe()
    clock.advance(seconds=LONGEST_PAUSE)
    assert [breaker.wait(tenant) for tenant in ("a", "b", "c", "bystander")] == [0] * 4
