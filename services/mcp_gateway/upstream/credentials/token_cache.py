"""Tokens that were issued, until shortly before they expire."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gatepost.clock import Now
from mcp_gateway.upstream.credentials.port import NoCredential

Key = tuple[str, ...]
EARLY = timedelta(seconds=30)
"""How long before its end a token is not used any more; half its life where that is less."""
PAUSE = timedelta(seconds=5)
"""How long after a fetch another one is not worth making."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token as its endpoint issued it."""

    token: str = field(repr=False)
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str = field(repr=False)
    fetched: datetime
    until: datetime
    failure: NoCredential | None = None


class TokenCache:
    """Fetches each key's token once, however many calls want it; forgets the longest unused."""

    def __init__(
        self, fetch: Callable[[Key], Awaitable[Issued]], *, now: Now, most: int = 10_000
    ) -> None:
        """Take what fetches a token for a key, raising `NoCredential`."""
        self._fetch = fetch
        self._now = now
        self._most = most
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._flights: dict[Key, asyncio.Task[_Kept]] = {}

    async def get(self, key: Key, *, within: float) -> str:
        """Answer a key's token, fetching it within so many seconds where there is none.

        Raises:
            NoCredential: it can't be had; for a few seconds that is not tried again.
        """
        kept = self._kept.get(key)
        if kept is None or self._now() >= kept.until:
            kept = await self._join(key, within)
        else:
            self._kept.move_to_end(key)
        if kept.failure is not None:
            raise NoCredential(*kept.failure.args)
        return kept.token

    def drop(self, key: Key, token: str) -> bool:
        """Forget a token that was refused; answer whether another is worth asking for.

        It is not where it was fetched just now: then the upstream refuses for another reason.
        """
        kept = self._kept.get(key)
        if kept is None or kept.token != token:
            return True
        if self._now() - kept.fetched < PAUSE:
            return False
        del self._kept[key]
        return True

    async def _join(self, key: Key, within: float) -> _Kept:
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._fly(key))
        try:
            async with asyncio.timeout(within):
                # Others wait for it too: one that gives up does not end it.
                return await asyncio.shield(flight)
        except TimeoutError:
            raise NoCredential(
                "The gateway did not get its credential for the API in time. Nothing was sent."
            ) from None

    async def _fly(self, key: Key) -> _Kept:
        try:
            issued = await self._fetch(key)
        except NoCredential as failure:
            now = self._now()
            kept = _Kept("", now, now + PAUSE, failure)
        else:
            now = self._now()
            usable = issued.lifetime - min(EARLY, issued.lifetime / 2)
            kept = _Kept(issued.token, now, now + usable)
        finally:
            del self._flights[key]
        self._kept[key] = kept
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return kept
