"""Migrate a database to the newest schema."""

import time
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from auth_server.db.engine import open_sync_engine
from auth_server.schema.tables import is_compared, metadata

# An arbitrary number; every process locks the same one.
_LOCK = 7_405_112_600_011


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def migrate(database_url: str) -> None:
    """Apply the missing migrations; of processes that start together, one applies them.

    Args:
        database_url: as in the settings.
    """
    engine = open_sync_engine(database_url)
    try:
        if engine.dialect.name == "postgresql":
            _migrate_postgresql(engine)
        else:
            with engine.begin() as connection:
                command.upgrade(_config(connection), "head")
    finally:
        engine.dispose()


def _migrate_postgresql(engine: Engine) -> None:
    # Processes try the lock again and again instead of waiting for it: an index that is built
    # concurrently waits for every statement that began before, and so for theirs.
    with engine.connect() as lock:
        lock.execution_options(isolation_level="AUTOCOMMIT")
        while not lock.scalar(text("SELECT pg_try_advisory_lock(:id)"), {"id": _LOCK}):
            time.sleep(0.1)
        with engine.connect() as connection:
            command.upgrade(_config(connection), "head")
            connection.commit()
        lock.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": _LOCK})


def make_revision(database_url: str, message: str) -> None:
    """Generate a migration from the differences between the tables and a migrated database."""
    engine = open_sync_engine(database_url)
    try:
        with engine.begin() as connection:
            config = _config(connection)
            number = 1 + len(list(ScriptDirectory.from_config(config).walk_revisions()))
            command.revision(config, message=message, autogenerate=True, rev_id=f"{number:04}")
    finally:
        engine.dispose()


def schema_drift(database_url: str) -> list[object]:
    """List the differences between a database and the tables."""
    engine = open_sync_engine(database_url)
    try:
        with engine.connect() as connection:
            opts = {"compare_type": True, "include_name": is_compared}
            migrations = MigrationContext.configure(connection, opts=opts)
            return list(compare_metadata(migrations, metadata))
    finally:
        engine.dispose()
