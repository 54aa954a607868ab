"""One engine, two kinds of session: `reading` never takes SQLite's write lock, `writing` does.

Beside them `direct`, for the few statements that every token request runs.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from auth_server.db.raw_sql import RawSql
from auth_server.db.sqlite import SqliteRawSql, prepare_sqlite

_READING = "gatepost_reading"

DbSession = AsyncSession
"""An open session; what endpoints pass on to the records, without knowing SQL."""
OpenTransaction = Callable[[], AbstractAsyncContextManager[DbSession]]
"""Opens a transaction: an error rolls it back, else it commits."""


@dataclass(frozen=True, slots=True)
class Database:
    """The open database."""

    engine: AsyncEngine
    reading: async_sessionmaker[AsyncSession]
    writing: async_sessionmaker[AsyncSession]
    raw_sql: RawSql

    async def ping(self) -> None:
        """Ask the database for one row.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it does not answer.
        """
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Let go of every connection."""
        await self.raw_sql.close()
        await self.engine.dispose()


def open_database(url: str) -> Database:
    """Open the database a URL names; connects on first use.

    Args:
        url: `sqlite+aiosqlite:///FILE` or `postgresql+psycopg://…`.
    """
    # Hidden: the parameters of a failed statement would stand in the logs.
    raw_sql: RawSql
    if url.startswith("sqlite"):
        engine = create_async_engine(url, hide_parameters=True)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        raw_sql = SqliteRawSql(engine.url.database or "")
    else:
        from auth_server.db.postgresql import PostgresRawSql  # a driver SQLite does without

        engine = create_async_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            # A host that swallows packets is down, and says so in time.
            connect_args={"connect_timeout": 5},
        )
        raw_sql = PostgresRawSql(url)
    return Database(
        engine,
        reading=async_sessionmaker(
            engine.execution_options(**{_READING: True}), expire_on_commit=False
        ),
        writing=async_sessionmaker(engine, expire_on_commit=False),
        raw_sql=raw_sql,
    )


def open_sync_engine(url: str) -> Engine:
    """Open the same database for work that is not async, such as migrations."""
    engine = create_engine(url.replace("sqlite+aiosqlite:", "sqlite:"), hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    # The driver's own transaction handling begins too late; ours is in _begin_sqlite.
    prepare_sqlite(connection)


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later can't be retried by SQLite once another has
    # written in between; taking the write lock at the start makes writers queue instead.
    reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
