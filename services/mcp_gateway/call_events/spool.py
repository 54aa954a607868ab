"""The spool: stores events on this machine's disk until they are delivered."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

MOST_EVENTS = 500_000
"""The most events it holds: about 300 MB, or an hour at 140 calls a second."""

_BEGIN = """
CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS intents (call_id TEXT PRIMARY KEY, due REAL NOT NULL, event BLOB NOT NULL);
"""


class StoredIntent(NamedTuple):
    """An event that takes effect if the call's own event is not stored until `due` (Unix seconds)."""

    call_id: str
    due: float
    event: bytes


class StoredEvent(NamedTuple):
    """The event of a call whose intent, if there is one, is over."""

    call_id: str
    event: bytes


_ADD = "INSERT INTO events (event) VALUES (?)"


class SpoolBroken(Exception):
    """The file can't be used; the message says why."""


class Spool:
    """A queue in an SQLite file. Every method blocks; use it from one thread at a time.

    The events that `add` accepted are synced to the disk: they survive a kill of the process and a
    crash of the machine.
    """

    def __init__(self, path: Path, *, most: int = MOST_EVENTS) -> None:
        """Open the file, or create it.

        Raises:
            SpoolBroken: the file can't be written, or is not a spool.
        """
        self._most = most
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_BEGIN)
            self._count = int(self._db.execute("SELECT count(*) FROM events").fetchone()[0])
        except (sqlite3.Error, OSError) as error:
            raise SpoolBroken(str(error)) from error

    def __len__(self) -> int:
        """Return the number of waiting events."""
        return self._count

    def add(self, events: Sequence[bytes]) -> int:
        """Store events; return how many fitted. The spool drops the newest if it is full.

        Raises:
            SpoolBroken: none was stored, for example because the disk is full.
        """
        kept = events[: max(self._most - self._count, 0)]
        with self._transaction():
            self._db.executemany(_ADD, [(event,) for event in kept])
        self._count += len(kept)
        return len(kept)

    def commit(self, entries: Sequence[StoredIntent | StoredEvent]) -> int:
        """Store intents and events in one transaction; return how many events did not fit.

        Raises:
            SpoolBroken: none was stored.
        """
        intents = [entry for entry in entries if isinstance(entry, StoredIntent)]
        events = [entry for entry in entries if isinstance(entry, StoredEvent)]
        kept = events[: max(self._most - self._count, 0)]
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO intents VALUES (?, ?, ?)", intents)
            over = [(entry.call_id,) for entry in events]
            self._db.executemany("DELETE FROM intents WHERE call_id = ?", over)
            self._db.executemany(_ADD, [(entry.event,) for entry in kept])
        self._count += len(kept)
        return len(events) - len(kept)

    def take_due(self, now: float) -> list[str]:
        """Turn the intents that are due into events, and return the ids of their calls.

        Raises:
            SpoolBroken: none was turned.
        """
        with self._transaction():
            query = "DELETE FROM intents WHERE due <= ? RETURNING call_id, event"
            due = self._db.execute(query, [now]).fetchall()
            self._db.executemany(_ADD, [(event,) for _, event in due])
        self._count += len(due)
        return [call_id for call_id, _ in due]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except sqlite3.Error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise SpoolBroken(str(error)) from error

    def first(self, most: int) -> list[tuple[int, bytes]]:
        """Return the oldest events, each with its number.

        Raises:
            SpoolBroken: the events can't be read.
        """
        try:
            query = "SELECT number, event FROM events ORDER BY number LIMIT ?"
            found = self._db.execute(query, [most]).fetchall()
        except sqlite3.Error as error:
            raise SpoolBroken(str(error)) from error
        if len(found) < most:
            # Another process may share the file and have removed events that this one added.
            self._count = len(found)
        return found

    def remove(self, upto: int) -> None:
        """Remove the events up to a number.

        Raises:
            SpoolBroken: the events remain, and will be delivered again.
        """
        try:
            gone = self._db.execute("DELETE FROM events WHERE number <= ?", [upto]).rowcount
        except sqlite3.Error as error:
            raise SpoolBroken(str(error)) from error
        self._count = max(self._count - gone, 0)

    def close(self) -> None:
        """Close the file."""
        self._db.close()
