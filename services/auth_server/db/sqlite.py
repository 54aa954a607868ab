"""SQLite past the ORM: one thread that reads and one that writes, each with a connection."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

from auth_server.db.direct import Change, DatabaseUnavailable, Row, Values

T = TypeVar("T")


def prepare_sqlite(connection: Any) -> None:
    """Set a connection up, so that transactions begin where ours say and nowhere else."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.close()


class SqliteDirect:
    """Two threads: in WAL mode a reader waits for nobody, a writer for the writer before it."""

    def __init__(self, path: str) -> None:
        """Take the file's path; connects on first use."""
        self._reader, self._writer = _Connected(path), _Connected(path)

    async def fetch(self, query: str, values: Values) -> Row | None:
        """Answer the first row of a query."""

        def read(connection: sqlite3.Connection) -> Row | None:
            row: Row | None = connection.execute(query, _bind(values)).fetchone()
            return row

        return await self._reader.run(read)

    async def change(self, change: Change, values: Values) -> bool:
        """Make a change in one transaction."""
        first, *others = change.sqlite
        bound = _bind(values)

        def write(connection: sqlite3.Connection) -> bool:
            connection.execute("BEGIN IMMEDIATE")
            try:
                changed = connection.execute(first, bound).rowcount > 0
                for statement in others if changed else ():
                    connection.execute(statement, bound)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            return changed

        return await self._writer.run(write)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._reader.close()
        await self._writer.close()


class _Connected:
    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)
        except sqlite3.OperationalError as error:
            raise DatabaseUnavailable(type(error).__name__) from error

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            connection = sqlite3.connect(self._path)
            prepare_sqlite(connection)
            self._connection = connection
        return work(self._connection)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _bind(values: Values) -> dict[str, Any]:
    return {
        name: _write_time(value) if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _write_time(moment: datetime) -> str:
    # As `UtcDateTime` stores it.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
