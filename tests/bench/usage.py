"""Measure how fast usage is read, in a database with a year of calls.

`./dev bench usage [--calls N] [--tenants N] [--seed N] [--database URL] [--explain]`: makes a year of calls of
many tenants on SQLite and on PostgreSQL, and reads them as pages, the API and commands do. It prints the
CPU of each read, of this process and of the database's. With `--database`, it fills and measures only that
database, which must be empty or already filled by this bench; it stays.
"""

import argparse
import asyncio
import bisect
import itertools
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy import Connection, Engine, event, insert, text

from auth_server.administration.calls import CallQuery, read_calls
from auth_server.administration.limits import read_limits
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.usage import DAYS, read_overview, read_usage
from auth_server.commands.usage.reports import read_all as show_all
from auth_server.db.engine import Database, DbSession, open_database, open_sync_engine
from auth_server.metering.reconcile import reconcile_usage
from auth_server.metering.usage_report import choose_plan, read_usage_report
from auth_server.records.call_log.store import usage_of_grants
from auth_server.records.call_log.table import LoggedCall
from auth_server.records.ledger.table import LedgerEntry
from auth_server.records.metered_hours.table import MeteredHour
from auth_server.records.plans.store import list_plans
from auth_server.records.tenants.store import list_tenants
from auth_server.records.tenants.table import Tenant
from auth_server.records.usage.store import read_used_units, sum_tenants, usage_rows
from auth_server.records.usage.summary import (
    By,
    UsageFilter,
    summarize_days,
    summarize_total,
    summarize_usage,
)
from auth_server.records.usage.table import UsageHour
from auth_server.schema.migrate import migrate
from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import end_of_month, hour_of, start_of_month
from support.in_process.auth_server import RESOURCE
from support.processes.postgres import running_postgres

NOW = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
_YEAR = timedelta(days=365)
_TOOLS = 40
_CLIENTS = tuple(f"client_{number}" for number in range(8))
_AT_ONCE = 20_000
_TURNS = 5
_BY: tuple[By, ...] = ("tool", "tenant", "client", "person")
_IN_LEDGER = ("call_id", "at", "tenant_id", "env", "meter", "tool")
_OUTCOMES = (
    ("success", 0.9, 1),
    ("error", 0.05, 0),
    ("refused", 0.04, 0),
    ("unknown", 0.01, 0),
)


def make_calls(count: int, tenants: int, seed: int) -> Iterator[CallEvent]:
    """Make a year of calls in order of time: few tenants make most, and most come by day."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    by_tenant = list(itertools.accumulate(1 / (rank + 3) for rank in range(tenants)))
    by_tool = list(itertools.accumulate(1 / (rank + 1) for rank in range(_TOOLS)))
    outcomes = list(itertools.accumulate(share for _, share, _ in _OUTCOMES))
    begin = hour_of(NOW) - _YEAR
    hours = [begin + timedelta(hours=hour) for hour in range(365 * 24 + 1)]
    weights = [
        (4 if 7 <= hour.hour < 19 else 1) * (3 if hour.weekday() < 5 else 1) for hour in hours
    ]
    places = sorted(chance.choices(range(len(hours)), weights, k=count))

    def pick(sums: Sequence[float]) -> int:
        return bisect.bisect(sums, chance.random() * sums[-1])

    for number, place in enumerate(places):
        tenant = pick(by_tenant)
        person = int(chance.expovariate(1 / 12)) % 200
        outcome, _, cost = _OUTCOMES[pick(outcomes)]
        call_id = f"{chance.getrandbits(128):032x}"
        refused = outcome == "refused"
        duration = chance.uniform(0.3, 3) if refused else chance.lognormvariate(4.5, 1)
        yield CallEvent(
            at=min(hours[place] + timedelta(seconds=number * 7 % 3600), NOW),
            call_id=call_id,
            request_id=call_id,
            resource=RESOURCE,
            tenant_id=f"org_{tenant}",
            sub=f"usr_{tenant}_{person}",
            client_id=_CLIENTS[person % 8],
            grant_id=f"grant_{tenant}_{person}",
            env="live",
            tier="pro",
            tool=f"tool_{pick(by_tool)}",
            tool_version="1.0.0",
            era="modern",
            decision="refused" if refused else "allowed",
            reason="invalid_arguments" if refused else "",
            error="",
            status=None if refused else 200,
            duration_ms=round(duration, 2),
            upstream_ms=0 if refused else round(duration * 0.9, 2),
            retries=0,
            bytes_in=120,
            bytes_out=900,
            cost=cost,
            outcome=outcome,  # type: ignore[arg-type]  # one of the outcomes above
            meter="calls" if cost else "",
        )


def fill(url: str, calls: int, tenants: int, seed: int) -> None:
    """Write the tenants, and calls to every table, as workers do but some hours at once."""
    engine = open_sync_engine(url)
    with engine.begin() as connection:
        connection.execute(
            insert(Tenant),
            [
                {
                    "tenant_id": f"org_{number}",
                    "name": f"Organisation {number}",
                    "rate_limit_tier": "pro",
                    "created_at": NOW - _YEAR,
                }
                for number in range(tenants)
            ],
        )
    waiting: list[CallEvent] = []
    by_hour = itertools.groupby(make_calls(calls, tenants, seed), key=lambda one: hour_of(one.at))
    for _, events in by_hour:
        waiting += events
        if len(waiting) >= _AT_ONCE:
            _write_calls(engine, waiting)
            waiting = []
    _write_calls(engine, waiting)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def _write_calls(engine: Engine, events: Sequence[CallEvent]) -> None:
    billed = [event for event in events if event.cost]
    hours = Counter[tuple[str, str, datetime]]()
    for one in billed:
        hours[one.tenant_id, one.meter, hour_of(one.at)] += one.cost
    with engine.begin() as connection:
        _add(connection, LoggedCall, [event._asdict() for event in events])
        _add(
            connection,
            LedgerEntry,
            [
                {
                    **{name: getattr(event, name) for name in _IN_LEDGER},
                    "units": event.cost,
                    "written_at": event.at,
                }
                for event in billed
            ],
        )
        _add(connection, UsageHour, usage_rows(events))
        _add(
            connection,
            MeteredHour,
            [
                {
                    **dict(zip(("tenant_id", "meter", "hour"), place, strict=True)),
                    "units": units,
                    "exported": units,
                    "problem": "",
                }
                for place, units in hours.items()
            ],
        )


def _add(connection: Connection, table: Any, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), rows)
        return
    cursor = connection.connection.cursor()
    into = f"COPY {table.__tablename__} ({', '.join(rows[0])}) FROM STDIN"
    with cursor.copy(into) as copy:
        for row in rows:
            copy.write_row(tuple(row.values()))


Read = Callable[[DbSession], Awaitable[object]]


def reads(largest: Tenant) -> dict[str, Read]:
    """Name everything that is measured."""
    month, end = start_of_month(NOW), end_of_month(NOW)
    tenant_id = largest.tenant_id
    periods = {
        "30 days": (hour_of(NOW) - timedelta(days=30), end),
        "90 days": (hour_of(NOW) - timedelta(days=90), end),
        "a year": (hour_of(NOW) - _YEAR, end),
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
    for days in DAYS:
        found[f"/console?days={days}"] = partial(
            read_overview, operator=COMMAND_LINE, days=days, now=NOW
        )
        for by in _BY:
            found[f"/console/usage?by={by}&days={days}"] = partial(
                read_usage, operator=COMMAND_LINE, by=by, days=days, limit=200, now=NOW
            )
    searches = {
        "": CallQuery(),
        "?tenant=org_900": CallQuery(tenant="org_900"),
        "?outcome=error": CallQuery(outcome="error"),
        "?tool=none": CallQuery(tool="none"),
        "?tenant=org_0&person=none": CallQuery(tenant="org_0", person="none"),
    }
    for name, query in searches.items():
        found[f"/console/calls{name}"] = partial(
            read_calls, operator=COMMAND_LINE, query=query, limit=50, now=NOW
        )
    found["/console/limits"] = partial(read_limits, operator=COMMAND_LINE, now=NOW)
    for whose, only in (("a tenant", tenant_id), ("all", None)):
        for name, (since, until) in periods.items():
            wanted = UsageFilter(since, until, only)
            for by in _BY:
                if by != "tenant" or only is None:
                    found[f"{whose}, {name}, by {by}"] = partial(
                        summarize_usage, by=by, wanted=wanted
                    )
            found[f"{whose}, {name}, by day"] = partial(summarize_days, wanted=wanted)
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
            before, of_backend = time.process_time(), _cpu(backend)
            for _ in range(_TURNS):
                await read(db)
            ours = (time.process_time() - before) / _TURNS * 1000
            theirs = (_cpu(backend) - of_backend) / _TURNS * 1000
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


def _cpu(pid: int | None) -> float:
    """The CPU seconds that a process has used."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
