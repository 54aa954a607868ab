"""Cache issued tokens until shortly before they expire."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gatepost.clock import Now
from mcp_gateway.upstream.credentials.port import NoCredential

Key = tuple[str, ...]
EARLY = timedelta(seconds=30)
"""How long before its expiry a token is replaced; at most half its lifetime."""
PAUSE = timedelta(seconds=5)
"""The minimum time between two fetches."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that an endpoint issued."""

    token: str = field(repr=False)
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str = field(repr=False)
    fetched: datetime
    until: datetime
    """When it is replaced; if that fails, it is used until `expires`."""
    expires: datetime
    failure: NoCredential | None = None


class TokenCache:
    """Fetches each key's token once for all calls, and evicts the least recently used."""

    def __init__(
        self, fetch: Callable[[Key], Awaitable[Issued]], *, now: Now, most: int = 10_000
    ) -> None:
        """Take the function that fetches a token for a key, or raises `NoCredential`."""
        self._fetch = fetch
        self._now = now
        self._most = most
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._flights: dict[Key, asyncio.Task[_Kept]] = {}

    async def get(self, key: Key, *, within: float) -> str:
        """Return a key's token, fetching it within `within` seconds if it is not cached.

        A token that can't be replaced is used until it expires.

        Raises:
            NoCredential: the fetch failed; it is not repeated for a few seconds.
        """
        kept = self._kept.get(key)
        if kept is None or self._now() >= kept.until:
            kept = await self._join(key, within)
        else:
            self._kept.move_to_end(key)
        if kept.failure is not None:
            raise kept.failure.with_traceback(None)
        return kept.token

    def drop(self, key: Key, token: str) -> bool:
        """Drop a refused token; return whether a new one may help.

        A new one does not help if this one was fetched just now: the upstream refuses for another
        reason.
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
                # Other calls may wait for this fetch, so a timeout here must not cancel it.
                return await asyncio.shield(flight)
        except TimeoutError:
            kept = self._kept.get(key)
            if kept is not None and self._now() < kept.expires:
                return kept
            raise NoCredential(
                "The gateway did not get its credential for the API in time. Nothing was sent."
            ) from None

    async def _fly(self, key: Key) -> _Kept:
        try:
            issued = await self._fetch(key)
        except NoCredential as failure:
            now, last = self._now(), self._kept.get(key)
            if last is not None and now < last.expires:
                kept = replace(last, until=min(now + PAUSE, last.expires))
            else:
                pause = timedelta(0) if failure.is_for_person else PAUSE
                kept = _Kept("", now, now + pause, now, failure)
        else:
            now = self._now()
            usable = issued.lifetime - min(EARLY, issued.lifetime / 2)
            kept = _Kept(issued.token, now, now + usable, now + issued.lifetime)
        finally:
            del self._flights[key]
        self._kept[key] = kept
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return kept
