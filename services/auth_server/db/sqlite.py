"""Raw SQL on SQLite: in the event loop if a statement need not wait, otherwise in a thread."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from auth_server.db.raw_sql import AtomicUpdate, DatabaseUnavailable, Row, Values

T = TypeVar("T")


def prepare_sqlite(connection: Any, *, waits: bool = True) -> None:
    """Configure a connection, so that only explicit statements begin transactions.

    With `waits`, it waits ten seconds for a lock and makes checkpoints; otherwise it does neither.
    """
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {10_000 if waits else 0}")
    if not waits:
        cursor.execute("PRAGMA wal_autocheckpoint = 0")
    cursor.close()


_CHANGES_AT_ONCE = 250


class SqliteRawSql:
    """Runs statements in the event loop unless they would block it.

    In WAL mode, readers never wait, and writers wait only for one another. Handing a look-up by key
    to a thread takes several times as long as the look-up itself, and a commit does not wait for
    the disk, so both run in the event loop. Statements that would wait for a lock run in a thread,
    and so does one change in 250, which moves the log into the file (a checkpoint) and does wait
    for the disk.
    """

    def __init__(self, path: str) -> None:
        """Take the file's path; the first statement connects."""
        self._at_once = _Connection(path, waits=False)
        self._reader, self._writer = _Connected(path), _Connected(path)
        self._changes = 0

    async def fetch(self, query: str, values: Values) -> Row | None:
        """Return the first row of a query."""
        rows = await self.fetch_all(query, values)
        return rows[0] if rows else None

    async def fetch_all(self, query: str, values: Values) -> list[Row]:
        """Return every row of a query."""

        def read(connection: sqlite3.Connection) -> list[Row]:
            return connection.execute(query, _bind(values)).fetchall()

        with suppress(sqlite3.OperationalError):
            return self._at_once.run(read)
        return await self._reader.run(read)

    async def update(self, update: AtomicUpdate, values: Values) -> bool:
        """Make a change in one transaction; return whether it changed anything."""
        first, *others = update.sqlite
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

        self._changes += 1
        if self._changes % _CHANGES_AT_ONCE:
            with suppress(sqlite3.OperationalError):
                return self._at_once.run(write)
        return await self._writer.run(write)

    async def close(self) -> None:
        """Close the connections."""
        self._at_once.close()
        await self._reader.close()
        await self._writer.close()


class _Connection:
    def __init__(self, path: str, *, waits: bool = True) -> None:
        self._path = path
        self._waits = waits
        self._open: sqlite3.Connection | None = None

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._open is None:
            connection = sqlite3.connect(self._path, timeout=10.0 if self._waits else 0.0)
            try:
                prepare_sqlite(connection, waits=self._waits)
            except BaseException:
                connection.close()
                raise
            self._open = connection
        return work(self._open)

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


class _Connected:
    def __init__(self, path: str) -> None:
        self._connection = _Connection(path)
        # It starts its thread for the first work.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._used = False

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        self._used = True
        try:
            return await loop.run_in_executor(self._thread, self._connection.run, work)
        except sqlite3.OperationalError as error:
            raise DatabaseUnavailable(type(error).__name__) from error

    async def close(self) -> None:
        if self._used:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown(wait=False)


def _bind(values: Values) -> dict[str, Any]:
    return {
        name: _write_time(value) if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _write_time(moment: datetime) -> str:
    # In the format that `UtcDateTime` stores.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
