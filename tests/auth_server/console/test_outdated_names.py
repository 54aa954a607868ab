"""Operators see which apps still use outdated names of tools, and when they last did."""

from datetime import timedelta
from typing import Any

import pytest

from auth_server.gateway_api.write_calls import write_calls
from auth_server.maintenance import maintain
from auth_server.records.unmet_calls import store
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import CATALOGUE, AuthServer
from support.in_process.call_events import call_event


async def call(server: AuthServer, called_as: str, client_id: str, times: int = 1) -> None:
    """Write calls by an outdated name, with one delivered twice."""
    members: dict[str, Any] = {"tool": "list_tasks", "called_as": called_as, "client_id": client_id}
    events = [call_event(server.clock(), **members) for _ in range(times)]
    for batch in (events, events[:1]):
        async with server.opened.transaction() as db:
            await write_calls(db, batch, now=server.clock())


async def renamed(server: AuthServer) -> None:
    """Let the server read a catalogue with a former name."""
    tools = tuple(
        one.model_copy(update={"former": ("list_todos",)} if one.name == "list_tasks" else {})
        for one in CATALOGUE.tools
    )
    server.catalogue = CATALOGUE.model_copy(update={"hash": "1" * 64, "tools": tools})
    await maintain(server.opened)


@pytest.mark.both_databases
async def test_operators_see_which_apps_use_outdated_names_and_when_last(
    auth_server: AuthServer,
) -> None:
    await renamed(auth_server)
    first = auth_server.clock().date()
    await call(auth_server, "list_todos", "orbit-cli", times=2)
    auth_server.clock.advance(days=2)
    await call(auth_server, "list_todos", "orbit-cli")
    await call(auth_server, "list_projects", auth_server.resource)
    api = await admin_api(auth_server, lifetime=timedelta(days=7))

    found = (await api.call("GET", "/outdated-names")).json()

    last = str(auth_server.clock().date())
    assert found == [
        {
            "name": "list_todos",
            "tool": "list_tasks",
            "client_id": "orbit-cli",
            "client": "Orbit CLI",
            "times": 3,
            "last": last,
        },
        {
            "name": "list_projects",
            "tool": "list_projects",
            "client_id": auth_server.resource,
            "client": "API keys",
            "times": 1,
            "last": last,
        },
    ]
    today = (await api.call("GET", "/outdated-names", params={"days": 1})).json()
    assert today[0]["times"] == 1
    assert str(first) < last
    assert (await api.call("GET", "/intent", params={"days": 7})).json() == []


async def test_the_page_of_unmet_calls_lists_them(sqlite_server: AuthServer) -> None:
    await renamed(sqlite_server)
    await call(sqlite_server, "list_todos", "orbit-cli")
    await call(sqlite_server, "<b>", "somebody")
    op = sqlite_server.person("op@orbit.example")

    page = await op.sign_in(await op.open("/console/intent"))

    assert "Apps that use outdated names of tools" in page.text
    assert "list_todos" in page.text
    assert "Orbit CLI" in page.text
    assert "<b>" not in page.html


async def test_an_app_that_invents_ids_fills_no_table(
    sqlite_server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_A_DAY", 3)
    for number in range(10):
        await call(sqlite_server, "list_todos", f"client_{number}")
    await call(sqlite_server, "list_todos", "client_0")
    api = await admin_api(sqlite_server)

    found = (await api.call("GET", "/outdated-names")).json()

    assert [(one["name"], one["client_id"], one["times"]) for one in found] == [
        ("", "", 7),
        ("list_todos", "client_0", 2),
        ("list_todos", "client_1", 1),
        ("list_todos", "client_2", 1),
    ]
