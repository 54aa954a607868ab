"""The revocation feed, which numbers committed revocations and wakes those who wait for them."""

import asyncio
from contextlib import suppress
from datetime import datetime

import structlog

from auth_server.db.engine import Database, DbSession
from auth_server.records.revocations.store import (
    NEWS,
    find_newest_number,
    number_revocations,
    read_feed_state,
)
from gatepost.clock import Now

EVERY = 0.25
"""Seconds between looks for revocations that other processes committed."""

log = structlog.get_logger()


class RevocationFeed:
    """This process's view of the feed; `newest` is the highest committed number it knows."""

    def __init__(self, database: Database, now: Now) -> None:
        """Take the database, without reading it yet."""
        self.newest = 0
        self.closed = False
        self.looked_at: datetime | None = None
        """When revocations were looked for last."""
        self._database = database
        self._now = now
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()

    def wake_after(self, db: DbSession) -> None:
        """Make `run` look at once, if this committed session wrote a revocation."""
        if db.info.pop(NEWS, False):
            self._woken.set()

    async def look(self) -> None:
        """Number the revocations that have been committed, and update `newest`."""
        newest, unnumbered = await read_feed_state(self._database.raw_sql)
        if unnumbered:
            async with self._database.writing() as db, db.begin():
                await number_revocations(db, now=self._now())
                newest = await find_newest_number(db)
        self.looked_at = self._now()
        if newest != self.newest:
            self.newest = newest
            self._tell()

    async def wait_beyond(self, number: int, *, seconds: float) -> None:
        """Return when a revocation after `number` is committed, or after `seconds`.

        It also returns when the feed closes, so that waiting requests don't delay the shutdown.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.newest <= number and not self.closed:
                    await self._changed.wait()

    async def run(self) -> None:
        """Look for revocations repeatedly until the feed is closed."""
        while not self.closed:
            self._woken.clear()
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - the database may recover
                log.warning("revocations_not_read", kind=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._woken.wait()

    def close(self) -> None:
        """End `run` and every wait."""
        self.closed = True
        self._woken.set()
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
