"""Maintenance goes on when one of its jobs fails, and the operator learns which one it was."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from auth_server.gateway_api.write_calls import write_calls
from auth_server.maintenance import maintained
from auth_server.records.quota_notices.store import add_notices, list_notices
from gatepost.background import Job, repeating
from support.in_process.auth_server import running_auth_server
from support.in_process.call_events import call_event
from support.in_process.clock import Clock

pytestmark = pytest.mark.anyio


class Rounds:
    """Sleeps that end at once for some rounds, and the last never."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.over = asyncio.Event()

    async def sleep(self, _: float) -> None:
        if not self._left:
            self.over.set()
            await asyncio.Event().wait()
        self._left -= 1


async def run_rounds(count: int, *jobs: tuple[str, Callable[[], Awaitable[object]], int]) -> None:
    """Let jobs run in some rounds."""
    rounds = Rounds(count)
    given = [Job(*job) for job in jobs]
    async with repeating(given, every=60, tell=lambda *_: None, sleep=rounds.sleep):
        await rounds.over.wait()


async def test_calls_that_can_not_be_archived_do_not_keep_quotas_from_being_noticed(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "archive"
    in_the_way.write_text("a file, and not a folder")
    async with running_auth_server(sqlite_url, clock, call_log_archive=in_the_way) as server:
        async with server.opened.transaction() as db:
            old, new = call_event(clock() - timedelta(days=100)), call_event(clock(), cost=10_000)
            await write_calls(db, [old, new], now=clock())
        rounds = Rounds(1)

        with capture_logs() as logged:
            async with maintained(server.opened, sleep=rounds.sleep):
                await rounds.over.wait()

    assert [entry["percent"] for entry in logged if entry["event"] == "quota_reached"] == [80, 100]
    failed = [entry for entry in logged if entry["event"] == "maintenance_failed"]
    assert [(entry["job"], entry["kind"]) for entry in failed] == [("call_log", "FileExistsError")]


async def test_old_notices_are_deleted_once_a_day(sqlite_url: str, clock: Clock) -> None:
    async with running_auth_server(sqlite_url, clock) as server:
        old = clock() - timedelta(days=401)
        notice = {
            "tenant_id": "org_acme",
            "kind": "day",
            "key": "",
            "period": "2025-01-01",
            "percent": 80,
            "units_limit": 100,
            "used": 80,
            "at": old,
        }
        async with server.opened.transaction() as db:
            await add_notices(db, [notice])
        rounds = Rounds(1)

        async with maintained(server.opened, sleep=rounds.sleep):
            await rounds.over.wait()

        async with server.opened.database.reading() as db:
            assert await list_notices(db, "org_acme", since=old) == []


async def test_a_job_of_every_third_round_runs_in_the_first_round_and_the_fourth() -> None:
    ran: list[str] = []

    async def each() -> None:
        ran.append("each")

    async def third() -> None:
        ran.append("third")

    await run_rounds(5, ("each", each, 1), ("third", third, 3))

    assert ran == ["each", "third", "each", "each", "each", "third", "each"]


async def test_a_job_that_failed_runs_again_and_is_told_with_its_failures_in_a_row() -> None:
    told: list[int] = []
    results = iter([ValueError(), ValueError(), None, ValueError()])
    rounds = Rounds(4)

    async def unsteady() -> None:
        if (problem := next(results)) is not None:
            raise problem

    jobs = [Job("unsteady", unsteady)]
    async with repeating(jobs, every=60, tell=lambda *one: told.append(one[2]), sleep=rounds.sleep):
        await rounds.over.wait()

    assert told == [1, 2, 1]
