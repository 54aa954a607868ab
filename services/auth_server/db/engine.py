"""One engine, two kinds of session: `reading` never takes SQLite's write lock, `writing` does."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

_READING = "gatepost_reading"

DbSession = AsyncSession
"""An open session; what endpoints pass on to the records, without knowing SQL."""


@dataclass(frozen=True, slots=True)
class Database:
    """The open database."""

    engine: AsyncEngine
    reading: async_sessionmaker[AsyncSession]
    writing: async_sessionmaker[AsyncSession]


def open_database(url: str) -> Database:
    """Open the database a URL names; connects on first use.

    Args:
        url: `sqlite+aiosqlite:///FILE` or `postgresql+psycopg://…`.
    """
    if url.startswith("sqlite"):
        engine = create_async_engine(url)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    else:
        engine = create_async_engine(url, pool_pre_ping=True)
    return Database(
        engine,
        reading=async_sessionmaker(
            engine.execution_options(**{_READING: True}), expire_on_commit=False
        ),
        writing=async_sessionmaker(engine, expire_on_commit=False),
    )


def _prepare_sqlite(connection: Any, _: object) -> None:
    # The driver's own transaction handling begins too late; ours is in _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later can't be retried by SQLite once another has
    # written in between; taking the write lock at the start makes writers queue instead.
    reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
