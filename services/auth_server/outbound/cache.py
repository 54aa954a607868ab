"""Cache the documents at strangers' URLs for as long as the responses allow."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from auth_server.outbound.budget import FetchBudget
from auth_server.outbound.guarded_fetch import Fetched, FetchRefused
from gatepost.clock import Now

SHORTEST = timedelta(minutes=5)
LONGEST = timedelta(hours=24)
_MOST = 1000
_CONCURRENT = 16

Fetch = Callable[[str], Awaitable[Fetched]]
T = TypeVar("T")


class DocumentUnavailable(Exception):
    """The document can't be read or used; the message is for the logs."""


@dataclass(frozen=True, slots=True)
class _Remembered(Generic[T]):
    value: T
    fetched_at: datetime
    fresh_until: datetime


class FetchCache(Generic[T]):
    """Reads documents with one fetch at a time for each URL, and none while a copy is fresh.

    Valid documents are cached for as long as `Cache-Control` says, between five minutes and a day.
    Failures are not cached; the budget limits how often they can be repeated.
    """

    def __init__(self, fetch: Fetch, parse: Callable[[str, Fetched], T], now: Now) -> None:
        """Take the fetch and the parser, which raises `ValueError` with a reason."""
        self._fetch = fetch
        self._parse = parse
        self._now = now
        self._remembered: OrderedDict[str, _Remembered[T]] = OrderedDict()
        self._running: dict[str, asyncio.Task[T]] = {}
        self._budget = FetchBudget()
        self._slots = asyncio.Semaphore(_CONCURRENT)

    def recall(self, url: str, *, newer_than: datetime | None = None) -> T | None:
        """Return a cached document that is fresh and, if a time is given, fetched after it."""
        known = self._remembered.get(url)
        if known is None or self._now() >= known.fresh_until:
            return None
        if newer_than is not None and known.fetched_at <= newer_than:
            return None
        self._remembered.move_to_end(url)
        return known.value

    async def fetch(self, url: str, origin: str) -> T:
        """Fetch a document, or wait for the fetch of it that is running.

        Args:
            url: the document's URL.
            origin: the origin whose budget the fetch uses.

        Raises:
            DocumentUnavailable: the document can't be used, or the budget is used up.
        """
        running = self._running.get(url)
        if running is None:
            if not self._budget.spend(origin, self._now()):
                raise DocumentUnavailable("too many fetches")
            running = asyncio.create_task(self._read(url))
            self._running[url] = running
            running.add_done_callback(lambda _: self._running.pop(url, None))
        # A caller that goes away must not cancel the fetch that others wait for.
        return await asyncio.shield(running)

    async def _read(self, url: str) -> T:
        try:
            async with self._slots:
                fetched = await self._fetch(url)
            value = self._parse(url, fetched)
        except (FetchRefused, ValueError) as error:
            raise DocumentUnavailable(str(error)) from None
        now = self._now()
        self._remembered[url] = _Remembered(value, now, now + freshness(fetched.cache_control))
        while len(self._remembered) > _MOST:
            self._remembered.popitem(last=False)
        return value


def freshness(cache_control: str) -> timedelta:
    """Read how long a response may be cached, within our bounds (RFC 9111 §5.2.2)."""
    found = re.search(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})", cache_control.lower())
    asked = timedelta(seconds=int(found[1])) if found else SHORTEST
    return min(max(asked, SHORTEST), LONGEST)
