"""The spool: stores events on this machine's disk until they are delivered."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

MOST_EVENTS = 500_000
"""The most events it holds: about 300 MB, or an hour at 140 calls a second."""

_BEGIN = """
CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB NOT NULL)
"""


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
            self._db.execute(_BEGIN)
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
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT INTO events (event) VALUES (?)", [(e,) for e in kept])
                self._db.execute("COMMIT")
            except sqlite3.Error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise SpoolBroken(str(error)) from error
        self._count += len(kept)
        return len(kept)

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
