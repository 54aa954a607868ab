"""The feed: gives committed revocations their place, and tells whoever waits for news."""

import asyncio
from contextlib import suppress

import structlog

from auth_server.db.engine import Database, DbSession
from auth_server.records.revocations.store import (
    NEWS,
    find_newest_number,
    is_anything_unnumbered,
    number_revocations,
)
from gatepost.clock import Now

EVERY = 0.25
"""Seconds after which it looks by itself, for what other processes committed."""

log = structlog.get_logger()


class Feed:
    """The feed as this process sees it; `newest` is the highest number known to be committed."""

    def __init__(self, database: Database, now: Now) -> None:
        """Take the database; nothing is read yet."""
        self.newest = 0
        self.closed = False
        self._database = database
        self._now = now
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()

    def wake_after(self, db: DbSession) -> None:
        """Look at once, if this committed session wrote a revocation."""
        if db.info.pop(NEWS, False):
            self._woken.set()

    async def look(self) -> None:
        """Number what was committed without a number, and learn the newest."""
        async with self._database.reading() as db:
            new = await is_anything_unnumbered(db)
            newest = await find_newest_number(db)
        if new:
            async with self._database.writing() as db, db.begin():
                await number_revocations(db, now=self._now())
                newest = await find_newest_number(db)
        if newest != self.newest:
            self.newest = newest
            self._tell()

    async def wait_beyond(self, number: int, *, seconds: float) -> None:
        """Return once something newer than `number` is committed, or after so many seconds.

        Also returns once the feed closes, so that nobody who waits holds up the end.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.newest <= number and not self.closed:
                    await self._changed.wait()

    async def run(self) -> None:
        """Look again and again until closed."""
        while not self.closed:
            self._woken.clear()
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - a database that is down comes back
                log.warning("revocations_not_read", kind=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._woken.wait()

    def close(self) -> None:
        """End `run`, and every wait."""
        self.closed = True
        self._woken.set()
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
