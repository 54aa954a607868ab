"""The call event survives a round trip, and other data is refused."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.metering.call_event import (
    MOST_BYTES,
    MOST_EVENTS,
    CallEvent,
    MalformedEvent,
    read_event,
    take_batch,
    write_event,
    write_events,
)
from support.in_process.call_events import as_json, call_event

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def test_an_event_is_read_as_it_was_written() -> None:
    event = call_event(NOW, decision="failed", status=None, reason="deadline", error="No answer.")

    assert read_event(orjson.loads(write_event(event))) == event


def test_an_event_of_a_gateway_that_names_no_api_is_read() -> None:
    """While a release rolls out, former gateways write to newer servers; the reverse is ignored."""
    event = call_event(NOW, api="billing")
    written = as_json(event)

    assert read_event(written) == event
    del written["api"]
    assert read_event(written) == event._replace(api="")


def test_members_that_a_newer_gateway_adds_are_ignored() -> None:
    event = call_event(NOW)

    assert read_event({**as_json(event), "carbon_grams": 3}) == event


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("at", "yesterday"),
        ("at", "2026-01-02T03:04:05"),
        ("at", "0001-01-01T00:00:00+14:00"),
        ("at", "9999-12-31T23:59:59-12:00"),
        ("call_id", ""),
        ("call_id", "x" * 65),
        ("tenant_id", "org\x00acme"),
        ("sub", "\ud800"),
        ("decision", "perhaps"),
        ("era", "stone"),
        ("error", "x" * 301),
        ("status", 42),
        ("duration_ms", -1),
        ("duration_ms", float("nan")),
        ("cost", -1),
        ("bytes_out", 1 << 53),
        ("retries", None),
    ],
)
def test_an_invalid_event_is_refused_with_the_members_name(member: str, value: object) -> None:
    with pytest.raises(MalformedEvent, match=member):
        read_event({**as_json(call_event(NOW)), member: value})


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_nothing_else_passes_for_an_event(value: object) -> None:
    with pytest.raises(MalformedEvent):
        read_event(value)


def test_an_older_gateways_event_gets_the_defaults_of_newer_members() -> None:
    event = as_json(call_event(NOW))
    del event["outcome"], event["meter"]

    read = read_event(event)

    assert (read.outcome, read.meter) == ("success", "")


@pytest.mark.parametrize("missing", sorted({*CallEvent._fields} - {*CallEvent._field_defaults}))
def test_every_other_member_is_needed(missing: str) -> None:
    event = as_json(call_event(NOW))
    del event[missing]

    with pytest.raises(MalformedEvent):
        read_event(event)


@given(st.lists(st.integers(1, MOST_BYTES * 2), max_size=20), st.integers(0, 2 * MOST_EVENTS))
def test_a_delivery_keeps_to_its_limits_and_always_takes_something(
    large: list[int], small: int
) -> None:
    events = [b"x" * size for size in large] + [b"{}"] * small

    taken = take_batch(events)

    assert (taken > 0) == bool(events)
    assert taken <= MOST_EVENTS
    assert taken <= 1 or len(write_events(events[:taken])) <= MOST_BYTES + 2
    # The omitted event would not have fitted.
    if taken < min(len(events), MOST_EVENTS):
        assert len(write_events(events[: taken + 1])) > MOST_BYTES
