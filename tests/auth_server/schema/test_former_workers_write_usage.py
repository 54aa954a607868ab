"""While a release rolls out, events workers of the former one write usage, which has no column `api`."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import column, func, select, table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from auth_server.db.engine import DbSession
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.call_log.store import add_calls
from auth_server.records.usage.days import add_days, find_wrong_days
from auth_server.records.usage.store import usage_rows
from auth_server.records.usage.summary import UsageFilter, summarize_total, summarize_usage
from auth_server.records.usage.table import UsageHour
from gatepost.metering.call_event import CallEvent
from support.in_process.auth_server import AuthServer
from support.in_process.call_events import call_event

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
MONTH = UsageFilter(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
TOLD_APART = (
    *("hour", "tenant_id", "env", "tool", "sub", "client_id", "grant_id", "outcome", "meter"),
)


async def write_as_before(db: DbSession, event: CallEvent) -> None:
    """Write a call as the former release does: with neither the column nor days of APIs."""
    await add_calls(db, [event])
    unnamed = event._replace(api="")
    [row] = usage_rows([unnamed])
    del row["api"]
    dimensions = tuple(row[name] for name in TOLD_APART)
    row["usage_id"] = hashlib.sha256(orjson.dumps(dimensions)).hexdigest()
    dialect: Any = {"postgresql": postgresql, "sqlite": sqlite}[db.get_bind().dialect.name]
    columns = SQLModel.metadata.tables["usage_hours"].c
    hours = table("usage_hours", *(column(name, columns[name].type) for name in row))
    adding = dialect.insert(hours).values(row)
    added = {name: hours.c[name] + adding.excluded[name] for name in ("calls", "units")}
    await db.execute(adding.on_conflict_do_update(index_elements=["usage_id"], set_=added))
    await add_days(db, [unnamed])


@pytest.mark.both_databases
async def test_both_releases_add_to_the_same_rows_and_the_books_are_exact(
    auth_server: AuthServer,
) -> None:
    late = call_event(NOON, api="orbit", outcome="unknown", cost=0)
    async with auth_server.opened.transaction() as db:
        for event in (call_event(NOON, cost=3), call_event(NOON, api="orbit", cost=4), late):
            await write_as_before(db, event)
    async with auth_server.opened.transaction() as db:
        now = NOON + timedelta(hours=1)
        await write_calls(db, [call_event(NOON, cost=5), call_event(NOON, api="orbit")], now=now)
        # The former release counted it before its result was known.
        await write_calls(db, [late._replace(outcome="success", cost=7)], now=now)

    async with auth_server.opened.database.reading() as db:
        total = await summarize_total(db, MONTH)
        apis = {one.key: one for one in await summarize_usage(db, "api", MONTH)}
        rows = (await db.execute(select(func.count()).select_from(UsageHour))).scalar_one()
        wrong = await find_wrong_days(db, since=MONTH.since, until=MONTH.until)
    assert (total.calls, total.units, total.unknown) == (5, 20, 0)
    assert {key: one.units for key, one in apis.items()} == {"": 12, "orbit": 8}
    # One of all calls without a name, and the rows of `orbit` and of the call whose result came late.
    assert rows == 4
    assert wrong == []
