"""Read documents at URLs that clients name, apart for clients in use and for strangers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from auth_server.outbound.budget import FetchBudget
from auth_server.outbound.cache import Copy, DocumentUnavailable, Fetch, FetchCache
from auth_server.outbound.guarded_fetch import Fetched
from gatepost.clock import Now

_MOST_IN_USE, _MOST_OF_STRANGERS = 2000, 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who makes this server fetch a document.

    Attributes:
        stranger: the key under which the fetches of a client that is not in use are limited.
        is_in_use: asks whether an operator or a person allowed the client something.
    """

    stranger: str
    is_in_use: Callable[[], Awaitable[bool]]


class NamedDocuments(Generic[T]):
    """Reads and caches documents at URLs that clients name.

    Clients that are in use have a cache and threads of their own, and no budget. So whatever
    strangers name, and however often, the documents of clients in use are read.
    """

    def __init__(
        self, in_use: Fetch, strangers: Fetch, parse: Callable[[str, Fetched], T], now: Now
    ) -> None:
        """Take a fetch for clients in use and one for strangers, and the parser of `FetchCache`."""
        self._in_use = FetchCache(in_use, parse, now, most=_MOST_IN_USE)
        self._of_strangers = FetchCache(
            strangers, parse, now, most=_MOST_OF_STRANGERS, budget=FetchBudget()
        )

    async def read(
        self,
        url: str,
        origin: str,
        asker: Asker,
        *,
        suffices: Callable[[Copy[T]], bool] = lambda _: True,
    ) -> Copy[T]:
        """Return a cached document, or fetch it.

        If its host has an outage, a document that was read within a day still counts.

        Args:
            url: the document's URL.
            origin: the origin of the URL.
            asker: who causes the fetch.
            suffices: whether a cached document need not be fetched again.

        Raises:
            DocumentUnavailable: the document can't be used, or it may not be fetched now.
        """
        copy = self._in_use.recall(url) or self._of_strangers.recall(url)
        if copy is not None and suffices(copy):
            return copy
        try:
            return await self._fetch(url, origin, asker)
        except DocumentUnavailable as error:
            last = self._in_use.last_good(url) or self._of_strangers.last_good(url)
            if not error.outage or last is None or not suffices(last):
                raise
            return last

    async def _fetch(self, url: str, origin: str, asker: Asker) -> Copy[T]:
        if not await asker.is_in_use():
            return await self._of_strangers.fetch(url, origin, stranger=asker.stranger)
        if (copy := self._of_strangers.take(url)) is not None:
            self._in_use.put(url, copy)
        return await self._in_use.fetch(url, origin)
