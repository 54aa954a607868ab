"""Measure how fast usage is read, in a database with a year of calls.

`./dev bench usage [--calls N] [--tenants N] [--seed N] [--database URL] [--explain]`: makes a year of calls of
many tenants on SQLite and on PostgreSQL, and reads them as tenants' pages, the API and commands do. Then it
opens every page of the console, and calls every route of the admin API that reads, as an operator. It prints
the CPU of each, of this process and of the database's, and marks requests over 200 ms. With `--database`, it
fills and measures only that database, which must be empty or already filled by this bench; it stays.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy import event, text

from auth_server.commands.usage.reports import read_all as show_all
from auth_server.db.engine import Database, DbSession, open_database, open_sync_engine
from auth_server.metering.reconcile import reconcile_usage
from auth_server.metering.usage_report import choose_plan, read_usage_report
from auth_server.records.call_log.store import usage_of_grants
from auth_server.records.plans.store import list_plans
from auth_server.records.tenants.store import list_tenants
from auth_server.records.tenants.table import Tenant
from auth_server.records.usage.store import read_used_units, sum_tenants
from auth_server.records.usage.summary import By, UsageFilter, summarize_total, summarize_usage
from auth_server.schema.migrate import migrate
from bench.year.calls import NOW, YEAR
from bench.year.cpu import cpu_of
from bench.year.fill import fill
from bench.year.pages import measure_pages
from gatepost.metering.plans import end_of_month, start_of_day, start_of_month
from support.processes.postgres import running_postgres

_TURNS = 5
_BY: tuple[By, ...] = ("tool", "tenant", "client", "person")


Read = Callable[[DbSession], Awaitable[object]]


def reads(largest: Tenant) -> dict[str, Read]:
    """Name everything that is measured."""
    month, end = start_of_month(NOW), end_of_month(NOW)
    tenant_id = largest.tenant_id
    periods = {
        "30 days": (start_of_day(NOW) - timedelta(days=29), end),
        "90 days": (start_of_day(NOW) - timedelta(days=89), end),
        "a year": (start_of_day(NOW) - YEAR, end),
    }

    async def report(db: DbSession) -> object:
        plan = choose_plan(await list_plans(db), largest)
        return await read_usage_report(db, largest, plan, now=NOW)

    async def show(db: DbSession) -> object:
        return await show_all(db, await list_tenants(db), NOW)

    found: dict[str, Read] = {
        "/account/plan, GET /api/usage, usage show --tenant": report,
        "usage show": show,
        "usage reconcile": lambda db: reconcile_usage(db, since=month, until=end),
        "POST /internal/usage": partial(
            read_used_units, tenant_id=tenant_id, since=month, until=end, env="live"
        ),
        "quota notices": partial(sum_tenants, since=NOW - timedelta(hours=2), until=end),
        "the calls of 50 grants": partial(
            usage_of_grants,
            grant_ids=[f"grant_0_{number}" for number in range(50)],
            since=NOW - timedelta(days=30),
        ),
    }
    for whose, only in (("a tenant", tenant_id), ("all", None)):
        for name, (since, until) in periods.items():
            wanted = UsageFilter(since, until, only)
            for by in _BY:
                if by != "tenant" or only is None:
                    found[f"{whose}, {name}, by {by}"] = partial(
                        summarize_usage, by=by, wanted=wanted
                    )
            found[f"{whose}, {name}, total"] = partial(summarize_total, wanted=wanted)
    return found


async def measure(url: str, *, explain: bool) -> None:
    """Print the CPU of each read, and the plans of its queries."""
    database = open_database(url)
    statements: list[tuple[str, Any]] = []
    if explain:

        @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
        def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            if statement.startswith("SELECT"):
                statements.append((statement, parameters))

    async with database.reading() as db:
        largest = await db.get(Tenant, "org_0")
        assert largest is not None
        backend = None
        if database.engine.dialect.name == "postgresql":
            backend = int((await db.execute(text("SELECT pg_backend_pid()"))).scalar_one())
        for name, read in reads(largest).items():
            await read(db)
            statements.clear()
            before, of_backend = time.process_time(), _cpu_of(backend)
            for _ in range(_TURNS):
                await read(db)
            ours = (time.process_time() - before) / _TURNS * 1000
            theirs = (_cpu_of(backend) - of_backend) / _TURNS * 1000
            sys.stdout.write(f"{ours:7.0f} ms  {theirs:7.0f} ms  {name}\n")
            if explain:
                await _explain(database, statements[: len(statements) // _TURNS])
    await database.close()


async def _explain(database: Database, statements: Sequence[tuple[str, Any]]) -> None:
    how = "EXPLAIN (ANALYZE, BUFFERS)"
    if database.engine.dialect.name == "sqlite":
        how = "EXPLAIN QUERY PLAN"
    async with database.engine.connect() as connection:
        for statement, parameters in statements:
            rows = await connection.exec_driver_sql(f"{how} {statement}", parameters)
            for row in rows:
                sys.stdout.write(f"    {row[-1]}\n")


def _cpu_of(pid: int | None) -> float:
    return 0.0 if pid is None else cpu_of(pid)


def run(url: str, wanted: argparse.Namespace) -> None:
    """Fill a database, if it is empty, and measure it."""
    migrate(url)
    engine = open_sync_engine(url)
    with engine.connect() as connection:
        known = connection.execute(text("SELECT count(*) FROM tenants")).scalar_one()
    engine.dispose()
    if not known:
        started = time.perf_counter()
        fill(url, wanted.calls, wanted.tenants, wanted.seed)
        sys.stdout.write(f"filled in {time.perf_counter() - started:.0f} s\n")
    sys.stdout.write(f"{url.partition(':')[0]}: CPU of this process, and of the database's\n")
    asyncio.run(measure(url, explain=wanted.explain))
    asyncio.run(measure_pages(url))


def main() -> None:
    """Measure both databases, or one."""
    parser = argparse.ArgumentParser(prog="./dev bench usage", description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="the URL of a database to fill and measure")
    parser.add_argument("--explain", action="store_true", help="print the plans of queries")
    wanted = parser.parse_args()
    if wanted.database:
        run(wanted.database, wanted)
        return
    with tempfile.TemporaryDirectory() as folder:
        run(f"sqlite+aiosqlite:///{folder}/bench.db", wanted)
    with running_postgres() as server:
        run(server.create_database(), wanted)


if __name__ == "__main__":
    main()
