"""Migrations create the tables in the code, on both databases, and can be undone."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect

from auth_server.schema.migrate import _config, migrate, schema_drift
from support.processes.postgres import PostgresServer


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
