"""An operator searches the call log with `gatepost usage calls` and `gatepost usage call`."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta

from click.testing import Result

from auth_server.db.engine import open_database
from auth_server.gateway_api.write_calls import write_calls
from gatepost.clock import utc_now
from gatepost.metering.call_event import CallEvent
from support.in_process.call_events import call_event

Operate = Callable[..., Result]


def write(url: str, *events: CallEvent) -> None:
    """Write calls into the call log."""

    async def run() -> None:
        database = open_database(url)
        async with database.writing() as db, db.begin():
            await write_calls(db, list(events), now=utc_now())
        await database.engine.dispose()

    asyncio.run(run())


def test_an_operator_finds_a_refused_call_and_reads_its_story(
    operate: Operate, sqlite_url: str
) -> None:
    now = utc_now()
    refused = call_event(
        now - timedelta(minutes=5),
        decision="refused",
        outcome="refused",
        reason="quota_exhausted",
        cost=0,
        status=None,
        tool="create_task",
    )
    old = call_event(now - timedelta(hours=30), tool="list_tasks")
    write(sqlite_url, refused, old)

    lately = operate("usage", "calls", "--hours", "24", "--json").output.splitlines()
    assert [json.loads(line)["call_id"] for line in lately] == [refused.call_id]
    found = operate("usage", "calls", "--outcome", "refused", "--reason", "quota_exhausted").output
    assert "create_task" in found
    assert "list_tasks" not in found
    story = operate("usage", "call", refused.call_id)
    assert story.exit_code == 0
    assert "The quota or budget is used up" in story.output


def test_a_name_that_an_agent_invented_controls_no_terminal(
    operate: Operate, sqlite_url: str
) -> None:
    name = "drop\x9b2J\x1b[1A\u202e\n\rtasks"
    made = call_event(
        utc_now(), decision="refused", outcome="refused", reason="unknown_tool", tool=name
    )
    write(sqlite_url, made._replace(error=name))
    for words in (("calls",), ("calls", "--json"), ("call", made.call_id), ("intent",)):
        output = operate("usage", *words).output
        assert "\\u009b2J" in output
        assert all(c.isprintable() or c == "\n" for c in output), words
        assert "\ntasks" not in output


def test_an_operator_turns_the_pages_of_calls(operate: Operate, sqlite_url: str) -> None:
    now = utc_now()
    write(sqlite_url, *(call_event(now - timedelta(minutes=n)) for n in range(3)))
    first = operate("usage", "calls", "--limit", "2", "--json")
    [place] = [line for line in first.output.splitlines() if "--after" in line]
    rest = operate("usage", "calls", "--after", place.split("'")[1], "--json").output
    assert len(first.output.splitlines()) == 3
    assert len(rest.splitlines()) == 1


def test_a_call_or_a_place_that_does_not_exist_is_named(operate: Operate) -> None:
    assert "No call matches." in operate("usage", "calls", "--tenant", "org_none").output
    unknown = operate("usage", "call", "call_none")
    assert unknown.exit_code == 1
    assert "the call call_none is not in the call log" in unknown.output
    wrong = operate("usage", "calls", "--after", "x")
    assert wrong.exit_code == 1
    assert "after: must be the `next` of the page before" in wrong.output
