"""Gateways report their state, and operators see what is wrong with each process."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from auth_server.administration.scopes import SCOPES
from auth_server.maintenance import maintain
from gatepost.health import REPORTS_PATH
from gatepost.metering.plans import PLANS_PATH, PlansPage
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.revocations import GATEWAY, assertions

ONE, TWO = "a" * 32, "b" * 32


def report_of(server: AuthServer, instance: str = ONE, **changes: Any) -> dict[str, Any]:
    """The report of a process that runs well."""
    now = server.clock().isoformat()
    return {
        "instance": instance,
        "host": "gateway-1",
        "version": "1.2.3",
        "started_at": now,
        "catalogue": "c0ffee",
        "tools": 12,
        "revocations_heard_at": now,
        "plans_heard_at": now,
        **changes,
    }


async def send(server: AuthServer, report: object, **changes: Any) -> httpx2.Response:
    """Report as a gateway does."""
    body = {**assertions(server.clock).form(), "report": report, **changes}
    return await server.http.post(REPORTS_PATH, json=body)


async def problems(server: AuthServer, instance: str = ONE) -> list[str]:
    api = await admin_api(server, ["gateways:read"])
    found = await api.call("GET", f"/gateways/{instance}")
    return list(found.json()["problems"])


@pytest.fixture
async def server(database_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """An authorization server that knows the key of a gateway."""
    async with running_auth_server(database_url, clock, resources=(GATEWAY,)) as running:
        yield running


async def count_processes(server: AuthServer) -> int:
    """Ask how many processes of the gateway there are, as each of them does for its share."""
    form = {**assertions(server.clock).form(), "wait": "0"}
    answer = await server.http.post(PLANS_PATH, data=form)
    return PlansPage.model_validate_json(answer.content).processes


@pytest.mark.both_databases
async def test_a_gateway_learns_how_many_of_its_processes_live(server: AuthServer) -> None:
    """One that stops is not counted at once, and one that died after a minute."""
    assert await count_processes(server) == 0
    await send(server, report_of(server))
    await send(server, report_of(server, TWO))
    await send(server, report_of(server, "c" * 32))
    assert await count_processes(server) == 3

    await send(server, report_of(server, TWO, stopping=True))
    assert await count_processes(server) == 2
    server.clock.advance(seconds=50)
    await send(server, report_of(server))
    server.clock.advance(seconds=15)
    assert await count_processes(server) == 1


@pytest.mark.both_databases
async def test_an_operator_sees_each_process_until_it_stops(server: AuthServer) -> None:
    assert (await send(server, report_of(server))).status_code == 204
    await send(server, report_of(server, TWO, host="gateway-2"))
    again = report_of(server, version="1.2.4")
    assert (await send(server, again)).status_code == 204

    api = await admin_api(server)
    first = (await api.call("GET", "/gateways", params={"limit": 1})).json()
    assert [one["report"]["version"] for one in first["items"]] == ["1.2.4"]
    assert [one["resource"] for one in first["items"]] == [RESOURCE]
    rest = (await api.call("GET", "/gateways", params={"after": first["next"]})).json()
    assert [one["instance"] for one in rest["items"]] == [TWO]
    op = server.person("op@orbit.example")
    page = await op.sign_in(await op.open("/console/gateways"))
    assert "gateway-1" in page.text
    assert "running" in page.text
    assert "1.2.4" in page.text

    await send(server, report_of(server, TWO, stopping=True))
    assert (await api.call("GET", f"/gateways/{TWO}")).status_code == 404
    assert "gateway-2" not in (await op.open("/console/gateways")).text


async def test_a_process_that_died_is_shown_as_silent_and_forgotten_after_a_day(
    server: AuthServer,
) -> None:
    await send(server, report_of(server))
    server.clock.advance(seconds=60)
    assert await problems(server) == []
    server.clock.advance(seconds=1)
    assert await problems(server) == ["silent"]
    op = server.person("op@orbit.example")
    page = await op.sign_in(await op.open(f"/console/gateway?instance={ONE}"))
    assert "The process may have died." in page.text

    server.clock.advance(seconds=timedelta(days=1).total_seconds())
    await maintain(server.opened)
    api = await admin_api(server)
    assert (await api.call("GET", "/gateways")).json()["items"] == []


async def test_an_operator_reads_that_changes_of_tools_wait_for_them(server: AuthServer) -> None:
    await send(server, report_of(server, catalogue_kept=True, tools_withheld=2))
    assert await problems(server) == ["tools_withheld"]
    op = server.person("op@orbit.example")
    page = await op.sign_in(await op.open(f"/console/gateway?instance={ONE}"))
    assert "Tools differ from what a directory approved, so their changes wait." in page.text


async def test_an_operator_reads_in_words_what_is_wrong_with_a_gateway(
    server: AuthServer,
) -> None:
    now = server.clock()
    old = (now - timedelta(minutes=5)).isoformat()
    breaker = {
        "kind": "origin",
        "name": "https://api.example.com:443",
        "state": "open",
        "failures": 11,
        "until": (now + timedelta(seconds=30)).isoformat(),
    }
    report = report_of(
        server,
        started_at=old,
        catalogue_kept=True,
        breakers=[breaker, {**breaker, "kind": "tool", "name": "list_tasks", "state": "closed"}],
        events={"waiting": 1200, "oldest_at": old, "lost": 3},
        redis={"up": True, "entries": 40, "oldest_at": old},
        revocations_heard_at=None,
        plans_heard_at=old,
    )
    await send(server, report)
    assert await problems(server) == [
        "breaker_open",
        "events_waiting",
        "events_lost",
        "stream_behind",
        "revocations_old",
        "plans_old",
        "catalogue_kept",
    ]
    op = server.person("op@orbit.example")
    page = await op.sign_in(await op.open(f"/console/gateway?instance={ONE}"))
    for words in (
        "The API failed repeatedly, and calls to it are paused.",
        "https://api.example.com:443",
        "paused",
        "1200 events wait",
        "3 events were lost",
        "40 entries wait for an events-worker",
        "never heard",
        "The new tool manifest can't be served",
    ):
        assert words in page.text, words

    await send(server, report_of(server, redis={"up": False}))
    assert await problems(server) == ["redis_down"]


async def test_an_operator_is_told_that_the_clock_of_a_gateway_differs(
    server: AuthServer,
) -> None:
    """Before its tokens and reports are refused; its other times are compared with its own."""
    for seconds, found in ((-29, ["clock_differs"]), (-10, []), (10, []), (29, ["clock_differs"])):
        now = (server.clock() + timedelta(seconds=seconds)).isoformat()
        times = dict.fromkeys(("started_at", "sent_at", "revocations_heard_at"), now)
        await send(server, report_of(server, **times, plans_heard_at=now))
        assert await problems(server) == found, seconds
    op = server.person("op@orbit.example")
    page = await op.sign_in(await op.open(f"/console/gateway?instance={ONE}"))

    assert "Its clock and the server's differ." in page.text


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"instance": "a/b"}, "report.instance"),
        ({"host": "x" * 256}, "report.host"),
        ({"host": "a\x00b"}, "report.host"),
        ({"started_at": "2026-11-01T00:00:00"}, "report.started_at"),
        ({"started_at": "0001-01-01T00:00:00+14:00"}, "report.started_at"),
        ({"tools": -1}, "report.tools"),
        (
            {"breakers": [{"kind": "tool", "name": "x", "state": "open", "failures": 1}] * 101},
            "report.breakers",
        ),
        ({"events": {"lost": 1 << 53}}, "report.events.lost"),
        ({"redis": {"up": "who knows"}}, "report.redis.up"),
    ],
)
async def test_a_report_that_can_not_be_read_is_refused_and_names_the_member(
    server: AuthServer, change: dict[str, Any], place: str
) -> None:
    refused = await send(server, report_of(server, **change))
    assert refused.status_code == 400
    assert refused.json()["error_description"].startswith(f"{place}: ")


async def test_nobody_but_a_gateway_can_report(server: AuthServer) -> None:
    report = report_of(server)
    proof = {"client_assertion": "x", "client_assertion_type": "y"}
    for changes in ({"client_assertion": None}, proof):
        assert (await send(server, report, **changes)).status_code in {400, 401}
    assert (await send(server, None)).status_code == 400
    assert (await send(server, {**report, "host": "x" * 200_000})).status_code == 400
    api = await admin_api(server)
    assert (await api.call("GET", "/gateways")).json()["items"] == []
    other = await admin_api(server, SCOPES - {"gateways:read"})
    assert (await other.call("GET", "/gateways")).status_code == 403
