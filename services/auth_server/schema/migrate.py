"""Migrate a database to the newest schema."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from auth_server.db.engine import open_sync_engine
from auth_server.db.pooler import is_pooled
from auth_server.schema.tables import is_compared, metadata

# An arbitrary number; every process locks the same one.
_LOCK = 7_405_112_600_011
_LOCK_TIMEOUT = "3s"
_PAUSE = 5.0
_TRIES = 60
_LOCK_NOT_AVAILABLE = "55P03"

log = structlog.get_logger()
_steps = logging.getLogger("alembic.runtime.migration")


class MigrationBlocked(Exception):
    """A table stayed locked for so long that the migration gave up; the message names the fix."""


class SchemaIsOlder(Exception):
    """The database lacks migrations of this release; the message names the command."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What `migrate` found."""

    revision: str
    """The database's newest migration, after migrating."""
    is_newer: bool
    """Whether a later release made it, so that this one changed nothing."""


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """The newest migration of a database, and how many it lacks until this release's newest."""

    revision: str | None
    newest: str
    missing: int
    is_newer: bool


def read_version(database_url: str) -> SchemaVersion:
    """Compare a database with this release's migrations; change nothing."""
    engine = open_sync_engine(database_url)
    try:
        with engine.connect() as connection:
            script = ScriptDirectory.from_config(_config(connection))
            found = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    newest_first = [revision.revision for revision in script.walk_revisions()]
    if found is None:
        return SchemaVersion(None, newest_first[0], len(newest_first), is_newer=False)
    if found not in newest_first:
        return SchemaVersion(found, newest_first[0], 0, is_newer=True)
    return SchemaVersion(found, newest_first[0], newest_first.index(found), is_newer=False)


def migrate(database_url: str, *, sleep: Callable[[float], None] = time.sleep) -> Schema:
    """Apply the missing migrations; of processes that start together, one applies them.

    A database that a later release has migrated stays as it is, because migrations only add what
    the former release does not miss: while a new release rolls out, processes of both serve.

    Args:
        database_url: as in the settings.
        sleep: waits between two attempts to lock a table.

    Raises:
        MigrationBlocked: on PostgreSQL, a table stayed locked for minutes, or the URL leads to a pooler
            that keeps no session.
    """
    if is_pooled(database_url):
        return _require_no_migration(database_url)
    engine = open_sync_engine(database_url)
    try:
        if engine.dialect.name == "postgresql":
            return _migrate_postgresql(engine, sleep)
        with engine.begin() as connection:
            return _upgrade(connection)
    finally:
        engine.dispose()


@contextmanager
def telling_migrations(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell the name of each migration before it is applied, as long as the block lasts.

    Alembic names them only in its log.
    """
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: tell(record.getMessage())  # type: ignore[method-assign]
    level = _steps.level
    _steps.setLevel(logging.INFO)
    _steps.addHandler(handler)
    try:
        yield
    finally:
        _steps.removeHandler(handler)
        _steps.setLevel(level)


def require_newest_schema(database_url: str) -> None:
    """Refuse a database that lacks migrations of this release, and change nothing.

    Raises:
        SchemaIsOlder: the message names its schema and the command that migrates it.
    """
    version = read_version(database_url)
    if version.is_newer:
        log.warning("schema_is_newer", revision=version.revision)
    elif version.missing:
        has = "an empty schema" if version.revision is None else f"the schema {version.revision}"
        raise SchemaIsOlder(
            f"The database has {has}, but this release needs {version.newest}: run `gatepost "
            "auth-server migrate` with this release, then start again."
        )


def _require_no_migration(database_url: str) -> Schema:
    # A session's lock would stay with the pooler's connection, and not with this process.
    version = read_version(database_url)
    if version.missing:
        raise MigrationBlocked(
            "A migration needs a session of its own, which pool_mode=transaction does not give. Run "
            "`gatepost auth-server migrate` with a database_url that leads to PostgreSQL itself."
        )
    return Schema(version.revision or version.newest, is_newer=version.is_newer)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _migrate_postgresql(engine: Engine, sleep: Callable[[float], None]) -> Schema:
    # Processes try the lock again and again instead of waiting for it: an index that is built
    # concurrently waits for every statement that began before, and so for theirs.
    with engine.connect() as lock:
        lock.execution_options(isolation_level="AUTOCOMMIT")
        while not lock.scalar(text("SELECT pg_try_advisory_lock(:id)"), {"id": _LOCK}):
            sleep(0.1)
        try:
            with engine.connect() as connection:
                # Every statement on a table waits behind one that waits for its lock, so a
                # migration waits for seconds only, and tries again later.
                connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
                connection.commit()
                return _upgrade_patiently(connection, sleep)
        finally:
            lock.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": _LOCK})


def _upgrade_patiently(connection: Connection, sleep: Callable[[float], None]) -> Schema:
    for attempt in range(_TRIES):
        if attempt:
            log.warning("migration_waits", seconds=_PAUSE)
            sleep(_PAUSE)
        try:
            schema = _upgrade(connection)
            connection.commit()
        except OperationalError as error:
            connection.rollback()
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
        else:
            return schema
    raise MigrationBlocked(
        f"The migration could not lock a table within {_TRIES * _PAUSE / 60:.0f} minutes. In "
        "pg_stat_activity, find the statement that holds it, such as a backup or a long report, and "
        "migrate again when it has ended. Migrations that are complete stay."
    )


def _upgrade(connection: Connection) -> Schema:
    config = _config(connection)
    script = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    found = MigrationContext.configure(connection).get_current_revision()
    if connection.dialect.name == "postgresql":
        connection.commit()  # so that each migration has its own transaction
    if found is not None and found not in known:
        log.warning("schema_is_newer", revision=found)
        return Schema(found, is_newer=True)
    command.upgrade(config, "head")
    newest = script.get_current_head()
    assert newest is not None  # noqa: S101 - there are migrations
    return Schema(newest, is_newer=False)


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
