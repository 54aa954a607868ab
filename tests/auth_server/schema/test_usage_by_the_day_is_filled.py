"""An upgrade adds the usage by the day up from the hours that are there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import column, create_engine, insert, inspect, select, table
from sqlmodel import SQLModel

from auth_server.records.usage.days import day_rows
from auth_server.records.usage.store import usage_rows
from auth_server.records.usage.table import UsageDay
from auth_server.schema.migrate import _config, migrate
from support.in_process.call_events import call_event

AT = datetime(2026, 11, 10, 23, 30, tzinfo=UTC)


@pytest.mark.both_databases
def test_the_calls_of_before_an_upgrade_are_in_the_days(database_url: str) -> None:
    usual: list[dict[str, Any]] = [
        {"cost": 3},
        {"tool": "add_task", "sub": "usr_" + "x" * 900},
        {"outcome": "error", "cost": 0, "duration_ms": 700},
        {"outcome": "refused", "cost": 0, "tenant_id": "org_globex"},
        {"outcome": "unknown", "cost": 0, "client_id": "https://app.example/client.json"},
        {"env": "test"},
    ]
    calls = [call_event(AT + timedelta(hours=hours), **one) for one in usual for hours in (0, 1)]
    engine = create_engine(database_url.replace("sqlite+aiosqlite:", "sqlite:"))
    with engine.begin() as connection:
        command.downgrade(_config(connection), "0022")
        names = [one["name"] for one in inspect(connection).get_columns("usage_hours")]
        hours = table(
            "usage_hours",
            *(column(name, SQLModel.metadata.tables["usage_hours"].c[name].type) for name in names),
        )
        rows = [{name: row[name] for name in names} for row in usage_rows(calls)]
        connection.execute(insert(hours), rows)

    migrate(database_url)

    with engine.connect() as connection:
        found = [dict(row._mapping) for row in connection.execute(select(UsageDay))]
    engine.dispose()
    assert sorted(found, key=_place) == [
        {name: row[name] for name in found[0]} for row in day_rows(calls)
    ]


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["env"], row["kind"], row["day"], row["key"]
