"""One engine, two kinds of session: `reading` never takes SQLite's write lock, `writing` does.

`raw_sql` runs the few statements that every token request needs.
"""

from collections.abc import Callable, Mapping
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

from auth_server.db.pooler import prepare_nothing, read_postgres_url
from auth_server.db.raw_sql import RawSql
from auth_server.db.sqlite import SqliteRawSql, prepare_sqlite

_READING = "gatepost_reading"
REMEMBERED = "gatepost_remembered"
"""The key in a session's `info` of a dict that all sessions of a process share.

Stores remember rows there that never change.
"""

DbSession = AsyncSession
"""An open session, which endpoints pass to the records without using SQL themselves."""
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
        """Close every connection."""
        await self.raw_sql.close()
        await self.engine.dispose()


def open_database(url: str, *, info: Mapping[str, object] | None = None) -> Database:
    """Open the database at a URL; it connects on first use.

    Args:
        url: `sqlite+aiosqlite:///FILE` or `postgresql+psycopg://…`.
        info: the `info` of every session, such as the keys that seal the audit log.
    """
    # Hidden, because the logs would show the parameters of a failed statement.
    raw_sql: RawSql
    if url.startswith("sqlite"):
        engine = create_async_engine(url, hide_parameters=True)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        raw_sql = SqliteRawSql(engine.url.database or "")
    else:
        from auth_server.db.postgresql import PostgresRawSql  # only it needs psycopg

        parsed, pooled = read_postgres_url(url)
        engine = create_async_engine(
            parsed,
            hide_parameters=True,
            pool_pre_ping=True,
            # Without a timeout, a host that drops packets would block requests.
            connect_args={"connect_timeout": 5, **prepare_nothing(pooled)},
        )
        if not pooled:
            event.listen(engine.sync_engine, "connect", _prepare_postgresql)
        raw_sql = PostgresRawSql(parsed, pooled=pooled)
    given = {**(info or {}), REMEMBERED: {}}
    return Database(
        engine,
        reading=async_sessionmaker(
            engine.execution_options(**{_READING: True}), expire_on_commit=False, info=given
        ),
        writing=async_sessionmaker(engine, expire_on_commit=False, info=given),
        raw_sql=raw_sql,
    )


async def keep_snapshot(db: DbSession) -> None:
    """Let all queries of a transaction that has not begun see one state of the database.

    On SQLite, they always do.
    """
    if db.get_bind().dialect.name == "postgresql":
        await db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))


def open_sync_engine(url: str) -> Engine:
    """Open the same database for synchronous work, such as migrations."""
    if not url.startswith("sqlite"):
        parsed, pooled = read_postgres_url(url)
        return create_engine(parsed, hide_parameters=True, connect_args=prepare_nothing(pooled))
    engine = create_engine(url.replace("sqlite+aiosqlite:", "sqlite:"), hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    # The driver begins transactions too late; `_begin_sqlite` begins them instead.
    prepare_sqlite(connection)


def _prepare_postgresql(connection: Any, _: object) -> None:
    # The default describes spinning disks: PostgreSQL would read a month of all tenants in order rather
    # than the places of one tenant, which takes ten times as long.
    with connection.cursor() as cursor:
        cursor.execute("SET random_page_cost = 1.1")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    # SQLite can't retry a transaction that reads first and writes later if another one wrote in
    # between. Taking the write lock at the start makes writers queue instead.
    reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
