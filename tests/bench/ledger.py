"""Measure how fast a worker writes calls, and what a call costs in the ledger.

`./dev bench ledger [--events N]`: gateways' events wait in Redis, 50 in an entry and of 20 tenants, and one
worker writes them to PostgreSQL, and to SQLite: the call log, the ledger, the usage by the hour and the
metered hours. It prints events a second, CPU for each event, and bytes for each entry of the ledger.
"""

import argparse
import asyncio
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
IN_ENTRY = 50


async def fill(url: str, count: int) -> None:
    """Put events into the streams, as gateways do."""
    redis = Redis.from_url(url)
    for start in range(0, count, IN_ENTRY):
        tenant = start // IN_ENTRY % TENANTS
        events = (
            call_event(
                utc_now(),
                tenant_id=f"org_{tenant}",
                sub=f"usr_{number % 7}",
                grant_id=f"grant_{tenant}_{number % 7}",
                tool=f"tool_{number % 5}",
                meter="calls",
            )
            for number in range(start, start + IN_ENTRY)
        )
        body = write_events([write_event(event) for event in events])
        await redis.xadd(calls_stream(ISSUER, tenant % PARTITIONS), {EVENTS_FIELD: body})
    await redis.aclose()


async def drain(redis_url: str, database: Database, count: int) -> None:
    """Let one worker write all of them, and print how fast it was."""
    worker = EventsWorker(
        redis_url, issuer=ISSUER, database=database, name="bench", now=utc_now, block=0.05
    )
    started, cpu, written = time.perf_counter(), time.process_time(), 0
    while written < count // IN_ENTRY:
        written += await worker.step()
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    await worker.close()
    sys.stdout.write(
        f"{database.engine.dialect.name}: {count / seconds:,.0f} events a second, "
        f"{used / count * 1e6:.0f} us of the worker's CPU for each\n"
    )


async def measure_entries(database: Database, count: int) -> None:
    """Print the bytes of the ledger for each entry, with its indexes."""
    if database.engine.dialect.name == "postgresql":
        size = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('ledger')"
    else:
        size = (
            "SELECT sum(pgsize) FROM dbstat WHERE name IN "
            "(SELECT name FROM sqlite_schema WHERE tbl_name = 'ledger')"
        )
    async with database.reading() as db:
        held = int((await db.execute(text(size))).scalar_one())
    sys.stdout.write(f"  {held / count:.0f} bytes for each entry of the ledger\n")


async def run(redis_url: str, database_url: str, count: int) -> None:
    """Measure one database."""
    database = open_database(database_url)
    await fill(redis_url, count)
    await drain(redis_url, database, count)
    await measure_entries(database, count)
    await database.close()


def main() -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(prog="./dev bench ledger", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    count = parser.parse_args().events // IN_ENTRY * IN_ENTRY
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as redis:
        with running_postgres(durable=True) as server, server.lend_database(migrate) as url:
            asyncio.run(run(redis.url, url, count))
        url = f"sqlite+aiosqlite:///{folder}/bench.db"
        migrate(url)
        asyncio.run(run(redis.url, url, count))


if __name__ == "__main__":
    main()
