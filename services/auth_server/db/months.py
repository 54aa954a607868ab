"""Tables that PostgreSQL divides by the month, in UTC, of their column `at`.

A month has a partition such as `ledger_2026_11`. The default partition takes rows of other months. On
SQLite, the tables are whole, and these functions find and change nothing.
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import text

from auth_server.db.engine import DbSession
from gatepost.metering.plans import end_of_month, start_of_month

AHEAD = 2
"""How many months after the present one have a partition."""
PARTITION = re.compile(r"(?:call_log|ledger)_(?:default|\d{4}_\d{2})")
"""The names of partitions."""
_LIST = text("""
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relispartition = :attached AND relname ~ :pattern
  AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass(:of_table))
ORDER BY relname
""")
_SCHEMA = text("SELECT relnamespace::regnamespace FROM pg_class WHERE oid = to_regclass(:of_table)")
# Other statements queue behind one that waits for a lock, so it gives up, and a later round tries again.
_PATIENCE = text("SET LOCAL lock_timeout = '2s'")


class Strays(NamedTuple):
    """The rows whose month has no partition."""

    rows: int
    first: datetime
    last: datetime


def name_month(table: str, month: datetime) -> str:
    """Return the name of a month's partition."""
    return f"{table}_{month:%Y_%m}"


def months_until(first: datetime, now: datetime) -> list[datetime]:
    """List the beginnings of the months from a time to `AHEAD` months after the present one."""
    months, month, last = [], start_of_month(first), now
    for _ in range(AHEAD):
        last = end_of_month(last)
    while month <= last:
        months.append(month)
        month = end_of_month(month)
    return months


async def list_months(db: DbSession, table: str, *, attached: bool = True) -> list[datetime]:
    """List the beginnings of the months that have a partition, in order.

    Args:
        db: an open database session.
        table: the divided table.
        attached: False lists the months that `detach_month` has taken out instead.
    """
    if not _is_divided(db):
        return []
    given = {"of_table": table, "pattern": rf"^{table}_\d{{4}}_\d{{2}}$", "attached": attached}
    names = (await db.execute(_LIST, given)).scalars().all()
    return [datetime.strptime(name[-7:], "%Y_%m").replace(tzinfo=UTC) for name in names]


async def make_months(db: DbSession, table: str, *, now: datetime) -> None:
    """Create the missing partitions, from the newest one to `AHEAD` months after the present one.

    Rows of these months move out of the default partition. A table that a month already has, such as one
    that a restored backup did not attach, becomes its partition. Only statements that use the default
    partition wait meanwhile.
    """
    if not _is_divided(db) or not await _find_missing(db, table, now):
        return
    await db.execute(_PATIENCE)
    # Of processes that do this at the same time, one waits for the other.
    await db.execute(text(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE"))
    # New tables would be in the first schema of the search path.
    schema = (await db.execute(_SCHEMA, {"of_table": table})).scalar_one()
    for month in await _find_missing(db, table, now):
        name, default = f"{schema}.{name_month(table, month)}", f"{table}_default"
        since, until = _literal(month), _literal(end_of_month(month))
        strays = f"FROM {default} WHERE at >= {since} AND at < {until}"
        for statement in (
            f"CREATE TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING ALL)",
            f"LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE",
            f"WITH moved AS (DELETE {strays} RETURNING *) INSERT INTO {name} SELECT * FROM moved",  # noqa: S608 - our names
            # Unlike `CREATE TABLE … PARTITION OF`, it does not wait for statements on other months.
            f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({since}) TO ({until})",
        ):
            await db.execute(text(statement))


async def detach_month(db: DbSession, table: str, month: datetime) -> None:
    """Take a month out of a table; its rows stay in a table of their own."""
    await db.execute(_PATIENCE)
    await db.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
    if month in await list_months(db, table):
        await db.execute(text(f"ALTER TABLE {table} DETACH PARTITION {name_month(table, month)}"))


async def claim_detached_month(db: DbSession, table: str, month: datetime) -> bool:
    """Reserve a detached month until the transaction ends; return False if another one has it."""
    query = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    claimed = (await db.execute(query, {"name": name_month(table, month)})).scalar_one()
    return bool(claimed) and month in await list_months(db, table, attached=False)


async def drop_detached_month(db: DbSession, table: str, month: datetime) -> None:
    """Delete a detached month with its rows; give up if somebody uses it, such as a backup."""
    await db.execute(_PATIENCE)
    await db.execute(text(f"DROP TABLE {name_month(table, month)}"))


async def find_strays(db: DbSession, table: str) -> Strays | None:
    """Count the rows whose month has no partition, if there are any."""
    if not _is_divided(db):
        return None
    query = text(f"SELECT count(*), min(at), max(at) FROM {table}_default")  # noqa: S608 - our names
    found = Strays(*(await db.execute(query)).one())
    return found if found.rows else None


async def _find_missing(db: DbSession, table: str, now: datetime) -> list[datetime]:
    known = await list_months(db, table)
    first = min(known[-1], now) if known else now
    return [month for month in months_until(first, now) if month not in known]


def _literal(month: datetime) -> str:
    return f"'{month:%Y-%m-%d} 00:00+00'"


def _is_divided(db: DbSession) -> bool:
    return db.get_bind().dialect.name == "postgresql"
