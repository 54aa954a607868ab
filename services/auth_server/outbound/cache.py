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
_CONCURRENT = 16
# A developer who corrects a document can try it again at once.
_FREE_FAILURES = 2
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=5)

Fetch = Callable[[str], Awaitable[Fetched]]
T = TypeVar("T")


class DocumentUnavailable(Exception):
    """The document can't be read or used; the message is for the logs.

    Attributes:
        at_url: whether the fault lies with what is at the URL; a later attempt may succeed.
        outage: whether no document arrived, so that the last one may still be right.
    """

    def __init__(self, reason: str, *, at_url: bool = False, outage: bool = False) -> None:
        """Take the reason."""
        super().__init__(reason)
        self.at_url = at_url
        self.outage = outage


@dataclass(frozen=True, slots=True)
class Copy(Generic[T]):
    """A cached document."""

    value: T
    read_at: datetime
    fresh_until: datetime


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    outage: bool
    times: int
    until: datetime


class FetchCache(Generic[T]):
    """Reads documents with one fetch at a time for each URL, and none while a copy is fresh.

    Valid documents are cached for as long as `Cache-Control` says, between five minutes and a day.
    If a document fails several times in a row, its next fetch waits, at first for seconds, at most
    for five minutes.
    """

    def __init__(
        self,
        fetch: Fetch,
        parse: Callable[[str, Fetched], T],
        now: Now,
        *,
        most: int,
        budget: FetchBudget | None = None,
    ) -> None:
        """Create an empty cache.

        Args:
            fetch: fetches a URL.
            parse: reads a response. It raises `ValueError` with a reason for an unusable document,
                and `FetchRefused` for a response that is not a document.
            now: the clock.
            most: how many documents, and how many failures, the cache keeps.
            budget: limits the fetches; without one, there may be any number.
        """
        self._fetch = fetch
        self._parse = parse
        self._now = now
        self._most = most
        self._budget = budget
        self._copies: OrderedDict[str, Copy[T]] = OrderedDict()
        self._failures: OrderedDict[str, _Failure] = OrderedDict()
        self._running: dict[str, asyncio.Task[Copy[T]]] = {}
        self._slots = asyncio.Semaphore(_CONCURRENT)

    def recall(self, url: str) -> Copy[T] | None:
        """Return a cached document that is fresh."""
        known = self._copies.get(url)
        if known is None or self._now() >= known.fresh_until:
            return None
        self._copies.move_to_end(url)
        return known

    def last_good(self, url: str) -> Copy[T] | None:
        """Return a cached document that was read within a day, for an outage of its host."""
        known = self._copies.get(url)
        return known if known is not None and self._now() < known.read_at + LONGEST else None

    def take(self, url: str) -> Copy[T] | None:
        """Remove a cached document, and return it."""
        return self._copies.pop(url, None)

    def put(self, url: str, copy: Copy[T]) -> None:
        """Cache a document."""
        _put(self._copies, url, copy, most=self._most)

    async def fetch(self, url: str, origin: str, *, stranger: str = "") -> Copy[T]:
        """Fetch a document, or wait for the fetch of it that is running.

        Args:
            url: the document's URL.
            origin: the origin whose budget the fetch uses.
            stranger: whose budget the fetch uses.

        Raises:
            DocumentUnavailable: the document can't be used, or it may not be fetched now.
        """
        running = self._running.get(url)
        if running is None:
            failure = self._failures.get(url)
            if failure is not None and self._now() < failure.until:
                raise DocumentUnavailable(failure.reason, at_url=True, outage=failure.outage)
            if self._budget and not self._budget.spend(origin, stranger, self._now()):
                raise DocumentUnavailable("too many fetches", at_url=True, outage=True)
            running = asyncio.create_task(self._read(url))
            self._running[url] = running
            running.add_done_callback(lambda _: self._running.pop(url, None))
        # A caller that goes away must not cancel the fetch that others wait for.
        return await asyncio.shield(running)

    async def _read(self, url: str) -> Copy[T]:
        try:
            async with self._slots:
                fetched = await self._fetch(url)
            value = self._parse(url, fetched)
        except (FetchRefused, ValueError) as error:
            raise self._note_failure(url, error) from None
        now = self._now()
        copy = Copy(value, now, now + freshness(fetched.cache_control))
        self._failures.pop(url, None)
        self.put(url, copy)
        return copy

    def _note_failure(self, url: str, error: Exception) -> DocumentUnavailable:
        outage = isinstance(error, FetchRefused)
        if not outage:
            self.take(url)
        before = self._failures.get(url)
        times = before.times + 1 if before is not None else 1
        failure = _Failure(str(error), outage, times, self._now() + _pause(times))
        _put(self._failures, url, failure, most=self._most)
        return DocumentUnavailable(failure.reason, at_url=True, outage=outage)


def freshness(cache_control: str) -> timedelta:
    """Read how long a response may be cached, within our bounds (RFC 9111 §5.2.2)."""
    found = re.search(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})", cache_control.lower())
    asked = timedelta(seconds=int(found[1])) if found else SHORTEST
    return min(max(asked, SHORTEST), LONGEST)


def _pause(times: int) -> timedelta:
    doublings = min(times - _FREE_FAILURES - 1, 10)
    return timedelta(0) if doublings < 0 else min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)


V = TypeVar("V")


def _put(kept: OrderedDict[str, V], url: str, value: V, *, most: int) -> None:
    kept[url] = value
    kept.move_to_end(url)
    while len(kept) > most:
        kept.popitem(last=False)
