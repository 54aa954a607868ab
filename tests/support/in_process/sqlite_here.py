"""Run aiosqlite's statements in the event loop instead of one thread for each connection.

Handing a statement to a thread and waking the loop for its result costs several times as much as most
statements, and each needs four such turns. Other tasks still run after each statement, so that
requests that come together interleave as they do with threads.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from typing import Any

import aiosqlite
import pytest

_WAITS = 10.0
"""Seconds that a statement waits for another connection's lock, as the services configure it."""
_SPINS = 50
"""Times that only the loop's other tasks run, before the lock may be another thread's."""
_MAY_WAIT = {"execute", "executemany", "executescript", "commit"}


def run_sqlite_here(patch: pytest.MonkeyPatch) -> None:
    """Replace the threads of the connections that are opened from now on."""
    connection = aiosqlite.Connection
    patch.setattr(connection, "__await__", _open)
    patch.setattr(connection, "_execute", _execute)
    patch.setattr(connection, "stop", _stop)


def _open(self: Any) -> Generator[Any, None, Any]:
    self._tx = _Here()
    self._connection = self._connector()
    return self
    yield  # makes this function a generator, as `__await__` must be


async def _execute(self: Any, work: Callable[..., Any], *args: Any, **options: Any) -> Any:
    if not self._running or self._connection is None:
        raise ValueError("Connection closed")
    if work.__name__ not in _MAY_WAIT:
        return work(*args, **options)
    if args and args[0].startswith("PRAGMA busy_timeout"):
        # Waiting in SQLite would keep the loop from the task that has the lock.
        args = ("PRAGMA busy_timeout = 0",)
    loop = asyncio.get_running_loop()
    until, spins = loop.time() + _WAITS, 0
    while True:
        try:
            result = work(*args, **options)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or loop.time() > until:
                raise
            spins += 1
            await asyncio.sleep(0 if spins < _SPINS else 0.002)
            continue
        await asyncio.sleep(0)
        return result


def _stop(self: Any) -> asyncio.Future[None] | None:
    self._running = False
    if self._connection is not None:
        self._connection.close()
        self._connection = None
    return None


class _Here:
    """Stands for the queue to the thread; SQLAlchemy uses it to set the isolation level."""

    def put_nowait(self, item: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, work = item
        try:
            result = work()
        except BaseException as error:
            if future is None:
                raise
            future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)
