"""Operators see what agents tried and could not do."""

from datetime import timedelta
from typing import Any

import pytest

from auth_server.gateway_api.write_calls import write_calls
from auth_server.maintenance import maintain
from auth_server.records.unmet_calls import store
from support.in_process.admin_api import AdminApi, admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.call_events import call_event, logged_calls

REFUSED: dict[str, Any] = {"decision": "refused", "outcome": "refused", "cost": 0, "status": None}


async def call(server: AuthServer, tool: str, reason: str, error: str = "", times: int = 1) -> None:
    """Write calls that were refused, with one delivered twice."""
    members = {**REFUSED, "tool": tool, "reason": reason, "error": error}
    events = [call_event(server.clock(), **members) for _ in range(times)]
    for batch in (events, events[:1]):
        async with server.opened.transaction() as db:
            await write_calls(db, batch, now=server.clock())


async def intent(api: AdminApi, days: int = 1) -> list[dict[str, Any]]:
    """Read what agents tried in vain."""
    answer = await api.call("GET", "/intent", params={"days": days})
    found: list[dict[str, Any]] = answer.json()
    return found


@pytest.mark.both_databases
async def test_names_with_the_same_words_are_one_attempt(auth_server: AuthServer) -> None:
    await maintain(auth_server.opened)  # reads the catalogue
    await call(auth_server, "archive_task", "unknown_tool", times=2)
    await call(auth_server, "archiveTasks", "unknown_tool", times=3)
    await call(auth_server, "find_task", "unknown_tool")
    await call(auth_server, "delete_task", "unknown_tool")
    await call(auth_server, "list_tasks", "rate_limited")
    await call(auth_server, "create_task", "invalid_arguments", "title is missing", times=2)
    await call(auth_server, "create_task", "invalid_arguments", "due is not a date")
    api = await admin_api(auth_server, lifetime=timedelta(days=7))

    found = await intent(api)

    assert [(one["kind"], one["names"], one["times"]) for one in found] == [
        ("missing", ["archiveTasks", "archive_task"], 5),
        ("invalid", ["create_task"], 3),
        ("not_allowed", ["delete_task"], 1),
        ("missing", ["find_task"], 1),
    ]
    assert found[0]["similar"] == []
    assert found[1]["errors"] == ["title is missing", "due is not a date"]
    assert found[3]["similar"] == ["list_tasks"]

    auth_server.clock.advance(days=2)
    assert await intent(api) == []
    assert len(await intent(api, 7)) == 4


async def test_the_page_names_the_command_that_proposes_entries(
    sqlite_server: AuthServer,
) -> None:
    await call(sqlite_server, "archive_task", "unknown_tool")
    await call(sqlite_server, "<b>", "unknown_tool")
    op = sqlite_server.person("op@orbit.example")

    page = await op.sign_in(await op.open("/console/intent"))

    assert "Tools that don't exist" in page.text
    assert "archive_task" in page.text
    assert "<b>" not in page.html
    assert "gatepost usage intent --days 1 --json | gatepost tools propose -" in page.text


async def test_nothing_in_vain_is_told_as_such(sqlite_server: AuthServer) -> None:
    op = sqlite_server.person("op@orbit.example")

    page = await op.sign_in(await op.open("/console/intent"))

    assert "Agents got everything that they tried." in page.text


async def test_an_agent_that_invents_names_fills_no_table(
    sqlite_server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_A_DAY", 5)
    await call(sqlite_server, "archive_task", "unknown_tool")
    for number in range(20):
        await call(sqlite_server, f"made{'x' * number}", "unknown_tool")
    await call(sqlite_server, "archive_task", "unknown_tool", times=40)

    found = await intent(await admin_api(sqlite_server))

    assert (found[0]["names"], found[0]["times"]) == (["archive_task"], 41)
    assert (found[1]["names"], found[1]["times"]) == (["…"], 16)
    assert len(found) == 6


async def test_calls_without_a_name_are_counted_once_when_the_table_is_full(
    sqlite_server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_A_DAY", 0)
    await call(sqlite_server, "", "unknown_tool", times=3)

    [found] = await intent(await admin_api(sqlite_server))

    assert found["times"] == 3


async def state(server: AuthServer, times: int = 1, /, **members: str) -> None:
    """Write calls with words of a model."""
    events = [call_event(server.clock(), **members) for _ in range(times)]
    async with server.opened.transaction() as db:
        await write_calls(db, events, now=server.clock())


@pytest.mark.both_databases
async def test_searches_that_found_nothing_stand_together_by_their_words(
    auth_server: AuthServer,
) -> None:
    await maintain(auth_server.opened)  # reads the catalogue
    await state(auth_server, 2, tool="search_tools", searched="export the invoices")
    await state(auth_server, 3, tool="search_tools", searched="invoice export")
    await state(auth_server, tool="search_tools", searched="find task")

    found = await intent(await admin_api(auth_server))

    assert [(one["kind"], one["names"], one["times"]) for one in found] == [
        ("searched", ["invoice export", "export the invoices"], 5),
        ("searched", ["find task"], 1),
    ]
    assert [one["similar"] for one in found] == [[], ["list_tasks"]]


async def test_the_page_shows_what_agents_said_and_the_call_log_does_not(
    sqlite_server: AuthServer, sqlite_url: str
) -> None:
    await state(sqlite_server, 2, tool="list_tasks", purpose="prepare the weekly report")
    await state(sqlite_server, tool="search_tools", searched="<b> weather")
    op = sqlite_server.person("op@orbit.example")

    page = await op.sign_in(await op.open("/console/intent"))

    assert "What agents said they were trying to do" in page.text
    assert "“prepare the weekly report” list_tasks 2" in page.text
    assert "Searches that found no tool" in page.text
    assert "<b>" not in page.html
    logged = str(await logged_calls(sqlite_url))
    assert "weekly" not in logged
    assert "weather" not in logged


async def test_what_models_say_takes_no_place_of_what_they_could_not_do(
    sqlite_server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_A_DAY", 2)
    for number in range(5):
        await state(sqlite_server, tool="list_tasks", purpose="x" * (number + 1))
    await call(sqlite_server, "archive_task", "unknown_tool")
    await state(sqlite_server, tool="search_tools", searched="weather")

    found = await intent(await admin_api(sqlite_server))

    assert {(one["kind"], *one["names"], one["times"]) for one in found} == {
        ("missing", "archive_task", 1),
        ("searched", "weather", 1),
        ("stated", "x", 1),
        ("stated", "xx", 1),
        ("stated", "…", 3),
    }


@pytest.mark.both_databases
async def test_corrected_arguments_are_counted_by_tool_and_shown_with_their_names(
    auth_server: AuthServer,
) -> None:
    for names in ("priority", "priority", "due_on, priority"):
        await state(auth_server, tool="create_task", repaired=names)
    [found] = await intent(await admin_api(auth_server))
    assert (found["kind"], found["names"], found["times"]) == ("repaired", ["create_task"], 3)
    assert found["errors"] == ["priority", "due_on, priority"]
    op = auth_server.person("op@orbit.example")
    page = await op.sign_in(await op.open("/console/intent"))
    assert "Arguments that the gateway corrected" in page.text
    assert "due_on, priority" in page.text
