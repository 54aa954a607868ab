"""Measure how fast a worker writes calls, and what a call costs in the ledger.

`./dev bench ledger [--events N] [--in-entry N]`: gateways' events wait in Redis, one in an entry, as calls that were
reserved do, or more, and of 20 tenants. One worker writes them to PostgreSQL, and to SQLite: the call log, the ledger, the usage by the hour and the
metered hours. It prints events a second, CPU for each event, and bytes for each entry of the ledger.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from redis.asyncio import Redis
from sqlalchemy import text

from auth_server.db.engine import Database, open_database
from auth_server.gateway_api.events_worker import EventsWorker
from auth_server.schema.migrate import migrate
from gatepost.clock import utc_now
from gatepost.metering.call_event import (
    EVENTS_FIELD,
    PARTITIONS,
    calls_stream,
    write_event,
    write_events,
)
from support.in_process.auth_server import ISSUER
from support.in_process.call_events import call_event
from support.processes.postgres import running_postgres
from support.processes.redis import running_redis

TENANTS = 20


async def fill(url: str, count: int, in_entry: int) -> None:
    """Put events into the streams, as gateways do."""
    redis = Redis.from_url(url)
    for start in range(0, count, in_entry):
        tenant = start // in_entry % TENANTS
        events = (
            call_event(
                utc_now(),
                tenant_id=f"org_{tenant}",
                sub=f"usr_{number % 7}",
                grant_id=f"grant_{tenant}_{number % 7}",
                tool=f"tool_{number % 5}",
                meter="calls",
            )
            for number in range(start, start + in_entry)
        )
        body = write_events([write_event(event) for event in events])
        await redis.xadd(calls_stream(ISSUER, tenant % PARTITIONS), {EVENTS_FIELD: body})
    await redis.aclose()


async def postgres_seconds(database: Database) -> float:
    """Return the CPU that the running processes of a PostgreSQL server have used; 0 for SQLite."""
    if database.engine.dialect.name != "postgresql":
        return 0.0
    async with database.reading() as db:
        own = (await db.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    return read_children_of_parent(own)


def read_children_of_parent(process: int) -> float:
    """Return the CPU seconds of the running children of a process's parent."""
    status = [
        path.read_text().rpartition(") ")[2].split() for path in Path("/proc").glob("[0-9]*/stat")
    ]
    parent = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[1]
    ticks = sum(int(one[11]) + int(one[12]) for one in status if one[1] == parent)
    return ticks / os.sysconf("SC_CLK_TCK")


async def drain(redis_url: str, database: Database, count: int, in_entry: int) -> None:
    """Let one worker write all of them, and print how fast it was."""
    worker = EventsWorker(
        redis_url, issuer=ISSUER, database=database, name="bench", now=utc_now, block=0.05
    )
    before, written = await postgres_seconds(database), 0
    started, cpu = time.perf_counter(), time.process_time()
    while written < count // in_entry:
        written += await worker.step()
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    theirs = await postgres_seconds(database) - before
    await worker.close()
    sys.stdout.write(
        f"{database.engine.dialect.name}: {count / seconds:,.0f} events a second, "
        f"{used / count * 1e6:.0f} us of the worker's CPU for each, "
        f"{theirs / count * 1e6:.0f} us of PostgreSQL's\n"
    )


async def measure_entries(database: Database, count: int, table: str = "ledger") -> None:
    """Print the bytes of a table for each entry, with its indexes."""
    if database.engine.dialect.name == "postgresql":
        size = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(:of_table)"
    else:
        size = (
            "SELECT sum(pgsize) FROM dbstat WHERE name IN "
            "(SELECT name FROM sqlite_schema WHERE tbl_name = :of_table)"
        )
    async with database.reading() as db:
        held = int((await db.execute(text(size), {"of_table": table})).scalar_one())
    sys.stdout.write(f"  {held / count:.0f} bytes for each entry of {table}\n")


async def run(redis_url: str, database_url: str, count: int, in_entry: int) -> None:
    """Measure one database."""
    database = open_database(database_url)
    await fill(redis_url, count, in_entry)
    await drain(redis_url, database, count, in_entry)
    await measure_entries(database, count)
    await measure_entries(database, count, "call_log")
    await database.close()


def main() -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(prog="./dev bench ledger", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--in-entry", type=int, default=1)
    given = parser.parse_args()
    count = given.events // given.in_entry * given.in_entry
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as redis:
        with running_postgres(durable=True) as server, server.lend_database(migrate) as url:
            asyncio.run(run(redis.url, url, count, given.in_entry))
        url = f"sqlite+aiosqlite:///{folder}/bench.db"
        migrate(url)
        asyncio.run(run(redis.url, url, count, given.in_entry))


if __name__ == "__main__":
    main()
