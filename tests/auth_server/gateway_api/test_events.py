"""Gateways deliver call events, and the call log has each call once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey

from auth_server.archive.read import read_archive
from auth_server.maintenance import maintain
from auth_server.records.call_log.store import usage_of_grants
from auth_server.records.refused_events.store import list_refused
from auth_server.settings import ResourceSettings
from gatepost.metering.call_event import EVENTS_PATH, MOST_EVENTS, CallEvent, as_logged, write_event
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.call_events import as_json, call_event, logged_calls
from support.in_process.clock import Clock
from support.in_process.revocations import GATEWAY, assertions

pytestmark = pytest.mark.both_databases

OTHER = "http://127.0.0.1:8411/mcp"


@pytest.fixture
async def server(database_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """An authorization server with two gateways, but the keys of only one."""
    resources = (GATEWAY, ResourceSettings(resource=OTHER))
    async with running_auth_server(database_url, clock, resources=resources) as running:
        yield running


async def deliver(server: AuthServer, *events: CallEvent, **changes: Any) -> httpx2.Response:
    """Deliver events as the gateway does, with members of the body changed."""
    body = {**assertions(server.clock).form(), "events": [as_json(one) for one in events]}
    return await server.http.post(EVENTS_PATH, json={**body, **changes})


async def test_every_member_of_a_call_is_kept(server: AuthServer) -> None:
    event = call_event(
        server.clock(),
        decision="failed",
        reason="upstream_status",
        error="The API answered 503.",
        status=503,
        retries=2,
        env="test",
        cost=5,
    )

    answer = await deliver(server, event)

    assert answer.json() == {"written": 1, "known": 0, "passed_over": 0}
    assert await logged_calls(server.database_url) == {event.call_id: as_logged(event)}


async def test_a_call_that_is_delivered_again_is_counted_once(server: AuthServer) -> None:
    first, second, third = (call_event(server.clock()) for _ in range(3))

    await deliver(server, first, second)
    again = await deliver(server, second, second, third)

    assert again.json() == {"written": 1, "known": 2, "passed_over": 0}
    assert set(await logged_calls(server.database_url)) == {
        first.call_id,
        second.call_id,
        third.call_id,
    }


async def test_of_many_deliveries_at_once_each_call_is_written_by_one(server: AuthServer) -> None:
    events = [call_event(server.clock()) for _ in range(20)]

    answers = await asyncio.gather(*(deliver(server, *events[:: (-1) ** n]) for n in range(8)))

    assert [answer.status_code for answer in answers] == [200] * 8
    assert sum(answer.json()["written"] for answer in answers) == 20
    assert len(await logged_calls(server.database_url)) == 20


async def test_an_unreadable_event_does_not_stop_the_others(server: AuthServer) -> None:
    good = call_event(server.clock())
    early, late = "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"
    extreme = [{**as_json(good), "at": at} for at in (early, late)]
    events = [{"call_id": "x"}, "nonsense", None, *extreme, as_json(good)]

    answer = await deliver(server, events=events)

    assert answer.json() == {"written": 1, "known": 0, "passed_over": 5}
    assert list(await logged_calls(server.database_url)) == [good.call_id]


async def test_a_gateway_delivers_only_its_own_calls(server: AuthServer) -> None:
    answer = await deliver(server, call_event(server.clock(), resource=OTHER))

    assert answer.json() == {"written": 0, "known": 0, "passed_over": 1}
    assert await logged_calls(server.database_url) == {}


async def test_only_a_gateway_that_proves_itself_delivers(server: AuthServer) -> None:
    event = call_event(server.clock())
    forged = assertions(server.clock, key=ECKey.generate_key("P-256")).form()
    used = assertions(server.clock).form()

    refused = [
        await deliver(server, event, **forged),
        await deliver(server, event, client_assertion=None),
        await deliver(server, event, client_assertion_type="password"),
    ]
    taken = await deliver(server, **used)
    replayed = await deliver(server, event, **used)

    assert [answer.status_code for answer in refused] == [401, 400, 401]
    assert (taken.status_code, replayed.status_code) == (200, 401)
    assert await logged_calls(server.database_url) == {}


@pytest.mark.parametrize(
    "events", [None, {}, "[]", [{}] * (MOST_EVENTS + 1)], ids=["none", "object", "text", "many"]
)
async def test_a_malformed_list_of_events_is_refused_with_the_reason(
    server: AuthServer, events: object
) -> None:
    answer = await deliver(server, events=events)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert "events" in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"{", "application/json"), (b"[]", "application/json"), (b"a=b", "text/plain")],
)
async def test_a_body_that_is_not_a_json_object_is_refused(
    server: AuthServer, content: bytes, kind: str
) -> None:
    answer = await server.http.post(EVENTS_PATH, content=content, headers={"content-type": kind})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_grant_is_told_how_often_and_when_it_was_used_last(server: AuthServer) -> None:
    start = server.clock()
    minutes = [(0, "grant_1"), (5, "grant_1"), (9, "grant_1"), (7, "grant_2"), (8, "grant_3")]
    calls = [call_event(start + timedelta(minutes=n), grant_id=grant) for n, grant in minutes]
    await deliver(server, *calls)

    async with server.opened.database.reading() as db:
        since = start + timedelta(minutes=1)
        used = await usage_of_grants(db, ["grant_1", "grant_2", "grant_unused"], since)

    assert used == {
        "grant_1": (2, start + timedelta(minutes=9)),
        "grant_2": (1, start + timedelta(minutes=7)),
    }


async def test_the_call_log_deletes_entries_after_its_retention_period(
    server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth_server.db.purge.AT_ONCE", 2)
    old = [call_event(server.clock()) for _ in range(5)]
    # PostgreSQL drops whole months.
    server.clock.advance(days=40)
    recent = call_event(server.clock())
    await deliver(server, *old, recent)

    server.clock.advance(days=89, seconds=1)
    await maintain(server.opened)

    assert list(await logged_calls(server.database_url)) == [recent.call_id]


async def test_calls_that_leave_the_log_are_in_the_archive(
    database_url: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth_server.records.call_log.store.AT_ONCE", 2)
    context = running_auth_server(
        database_url, clock, resources=(GATEWAY,), call_log_archive=tmp_path / "archive"
    )
    async with context as server:
        old = [call_event(clock() - timedelta(minutes=n), cost=n) for n in range(5)]
        await deliver(server, *old)
        clock.advance(days=125)
        recent = call_event(clock())
        await deliver(server, recent)
        await maintain(server.opened)

        assert list(await logged_calls(database_url)) == [recent.call_id]
    files = sorted((tmp_path / "archive").glob("*.ndjson.gz"))
    assert len(files) == 3
    archived = {event.call_id: event for file in files for event in read_archive(file)}
    assert archived == {event.call_id: event for event in old}


async def test_an_event_that_can_not_be_read_is_kept_once(server: AuthServer) -> None:
    events = [{"call_id": "x"}, "nonsense"]
    for _ in range(2):
        await deliver(server, events=events)
    foreign = call_event(server.clock(), resource=OTHER)
    await deliver(server, foreign)

    async with server.opened.database.reading() as db:
        kept = {row.payload: row.reason for row in await list_refused(db, most=10)}
    assert kept[b'"nonsense"'] == "an event must be an object"
    assert kept[write_event(foreign)] == "from another gateway"
    assert len(kept) == 3
