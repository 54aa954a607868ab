"""Migrations create the tables in the code, on both databases, and can be undone."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, MetaData, Table, create_engine, inspect, select, text

from auth_server.schema.migrate import (
    MigrationBlocked,
    Schema,
    SchemaIsOlder,
    _config,
    migrate,
    require_newest_schema,
    schema_drift,
)
from gatepost.metering.call_event import as_logged
from support.in_process.call_events import call_event
from support.processes.postgres import PostgresServer

DIVIDED = ("call_log", "ledger")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it, of both kinds."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


def tables_of(url: str) -> set[str]:
    """List the tables of a database."""
    engine = create_engine(url.replace("sqlite+aiosqlite:", "sqlite:"))
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_a_migrated_database_equals_the_tables(empty_database_url: str) -> None:
    """No column, type, index or constraint differs."""
    migrate(empty_database_url)

    assert schema_drift(empty_database_url) == []


def test_migrating_again_changes_nothing(empty_database_url: str) -> None:
    """Every start of the service migrates."""
    migrate(empty_database_url)
    before = tables_of(empty_database_url)
    migrate(empty_database_url)

    assert tables_of(empty_database_url) == before > {"clients", "grants"}


def test_undoing_every_migration_leaves_no_table(empty_database_url: str) -> None:
    """An operator can undo an upgrade."""
    migrate(empty_database_url)
    engine = create_engine(empty_database_url.replace("sqlite+aiosqlite:", "sqlite:"))
    with engine.begin() as connection:
        command.downgrade(_config(connection), "base")
    engine.dispose()
    assert tables_of(empty_database_url) <= {"alembic_version"}

    migrate(empty_database_url)
    assert schema_drift(empty_database_url) == []


def rows_of(connection: Connection, table: str) -> list[tuple[object, ...]]:
    """Read a table in the order of the calls."""
    query = text(f"SELECT * FROM {table} ORDER BY call_id")  # noqa: S608 - our names
    return [tuple(row) for row in connection.execute(query)]


def test_calls_of_every_month_stay_when_their_tables_are_divided(empty_database_url: str) -> None:
    """An operator upgrades with the calls of years, and with one of a gateway whose clock is wrong."""
    engine = create_engine(empty_database_url.replace("sqlite+aiosqlite:", "sqlite:"))
    times = [
        datetime(2024, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2099, 1, 1, tzinfo=UTC),
    ]
    times += [datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 13)]
    with engine.connect() as connection:
        command.upgrade(_config(connection), "0028")
        connection.commit()
        log, ledger = (Table(name, MetaData(), autoload_with=connection) for name in DIVIDED)
        known = {one.name for one in log.columns}
        events = [
            {
                name: value
                for name, value in as_logged(call_event(at, status=None)).items()
                if name in known
            }
            for at in times
        ]
        connection.execute(log.insert(), events)
        members = ("call_id", "at", "tenant_id", "env", "meter", "tool")
        entries = [{name: event[name] for name in members} for event in events]
        connection.execute(
            ledger.insert(), [{**one, "units": 3, "written_at": one["at"]} for one in entries]
        )
        connection.commit()
        before = [rows_of(connection, name) for name in DIVIDED]
        command.upgrade(_config(connection), "0029")
        after = [rows_of(connection, name) for name in DIVIDED]
        command.downgrade(_config(connection), "0028")
        undone = [rows_of(connection, name) for name in DIVIDED]
    engine.dispose()

    assert len(before[0]) == len(before[1]) == 14
    assert after == before == undone


def test_an_upgrade_reaches_months_that_wait_to_be_archived(postgres: PostgresServer) -> None:
    url = postgres.create_database()
    engine = create_engine(url)
    with engine.connect() as connection:
        command.upgrade(_config(connection), "0032")
        connection.execute(text("CREATE TABLE call_log_2025_03 (LIKE call_log INCLUDING ALL)"))
        connection.commit()
    migrate(url)
    with engine.connect() as connection:
        month = Table("call_log_2025_03", MetaData(), autoload_with=connection)
        connection.execute(month.insert(), as_logged(call_event(datetime(2025, 3, 1, tzinfo=UTC))))
        assert connection.execute(select(month.c.trace_id)).scalars().all() == [""]
    engine.dispose()


def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    """Several replicas come up on a new database at the same moment."""
    program = "import sys; from auth_server.schema.migrate import migrate; migrate(sys.argv[1])"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty_database_url],
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate()[1] for process in processes]

    assert [process.returncode for process in processes] == [0, 0], said
    assert schema_drift(empty_database_url) == []


def test_a_former_release_serves_the_schema_of_a_later_one_as_it_is(
    empty_database_url: str,
) -> None:
    """While releases roll out, a process of the former one starts again after the migration."""
    migrate(empty_database_url)
    engine = create_engine(empty_database_url.replace("sqlite+aiosqlite:", "sqlite:"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    assert migrate(empty_database_url) == Schema("9999", is_newer=True)
    assert schema_drift(empty_database_url) == []


def test_a_process_that_must_not_migrate_refuses_an_older_schema_and_changes_nothing(
    empty_database_url: str,
) -> None:
    """Somebody rolls out a release and forgets the one-shot migration before it."""
    with pytest.raises(SchemaIsOlder, match="has an empty schema, but this release needs"):
        require_newest_schema(empty_database_url)
    assert tables_of(empty_database_url) == set()
    engine = create_engine(empty_database_url.replace("sqlite+aiosqlite:", "sqlite:"))
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0001")
    before = tables_of(empty_database_url)

    with pytest.raises(
        SchemaIsOlder, match=r"has the schema 0001, .* `gatepost auth-server migrate`"
    ):
        require_newest_schema(empty_database_url)
    assert tables_of(empty_database_url) == before

    migrate(empty_database_url)
    require_newest_schema(empty_database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    require_newest_schema(empty_database_url)  # a later release migrated it: this one still serves


def test_a_migration_lets_others_pass_while_a_table_is_locked(postgres: PostgresServer) -> None:
    """A backup reads a table for minutes; nobody waits behind the migration that must alter it."""
    url = postgres.create_database()
    engine = create_engine(url)
    with engine.connect() as connection:
        command.upgrade(_config(connection), "0023")
        connection.commit()
    waited: list[float] = []

    with engine.connect() as backup:
        backup.execute(text("LOCK TABLE external_events IN ACCESS SHARE MODE"))

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            with engine.connect() as other:  # it would wait behind a waiting migration
                other.execute(text("SET lock_timeout = '1s'"))
                other.execute(text("SELECT * FROM external_events"))
            backup.rollback()

        migrate(url, sleep=sleep)
    engine.dispose()

    assert waited == [5.0]
    assert schema_drift(url) == []


def test_a_migration_that_can_not_lock_a_table_says_how_to_find_out_why(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds a table and does not let go."""
    monkeypatch.setattr("auth_server.schema.migrate._TRIES", 2)
    monkeypatch.setattr("auth_server.schema.migrate._LOCK_TIMEOUT", "1ms")
    url = postgres.create_database()
    engine = create_engine(url)
    with engine.connect() as connection:
        command.upgrade(_config(connection), "0023")
        connection.commit()
    with engine.connect() as holder:
        holder.execute(text("LOCK TABLE external_events IN ACCESS SHARE MODE"))
        with pytest.raises(MigrationBlocked, match="pg_stat_activity"):
            migrate(url, sleep=lambda _: None)
    engine.dispose()

    migrate(url)
    assert schema_drift(url) == []
