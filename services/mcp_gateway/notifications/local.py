"""News and wishes within one process."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gatepost.clock import Now
from mcp_gateway.notifications.port import (
    KEYS_KEPT,
    MOST_URIS,
    Hear,
    News,
    NotShared,
    TooManyWatched,
)

KEPT = timedelta(days=1)
"""How long wishes are kept after the client last asked."""
_MOST_CLIENTS = 10_000
_MOST_KEYS = 200_000


class LocalNews:
    """Calls everybody in this process who follows."""

    def __init__(self, now: Now) -> None:
        """Take the clock, and begin without a follower."""
        self._now = now
        self._keys: OrderedDict[str, float] = OrderedDict()
        self._followers: list[Hear] = []

    async def tell(self, news: News) -> None:
        """Tell everybody who follows."""
        for hear in tuple(self._followers):
            await hear(news)

    async def tell_once(self, news: News, key: str) -> bool:
        """Tell everybody who follows, unless that was done for this key."""
        now = self._now().timestamp()
        while self._keys and next(iter(self._keys.values())) < now - KEYS_KEPT:
            self._keys.popitem(last=False)
        if key in self._keys:
            return False
        if len(self._keys) >= _MOST_KEYS:
            raise NotShared
        self._keys[key] = now
        await self.tell(news)
        return True

    @asynccontextmanager
    async def following(self, hear: Hear) -> AsyncIterator[None]:
        """Call `hear` with all news while the block lasts."""
        self._followers.append(hear)
        try:
            yield
        finally:
            self._followers.remove(hear)


@dataclass(slots=True)
class _Wish:
    ends: datetime
    uris: set[str] = field(default_factory=set)
    level: str | None = None


class LocalWishes:
    """The wishes of one process's clients; those that asked last stay."""

    def __init__(self, now: Now, *, most: int = _MOST_CLIENTS) -> None:
        """Take the clock, and how many clients to remember."""
        self._now = now
        self._most = most
        self._kept: OrderedDict[str, _Wish] = OrderedDict()

    async def watch(self, subscriber: str, uri: str) -> None:
        """Add a resource.

        Raises:
            TooManyWatched: the client watches too many.
        """
        uris = self._of(subscriber).uris
        if uri not in uris and len(uris) >= MOST_URIS:
            raise TooManyWatched
        uris.add(uri)

    async def unwatch(self, subscriber: str, uri: str) -> None:
        """Remove a resource, if it is there."""
        if (wish := self._find(subscriber)) is not None:
            wish.uris.discard(uri)

    async def watched(self, subscriber: str) -> frozenset[str]:
        """Return the resources."""
        wish = self._find(subscriber)
        return frozenset() if wish is None else frozenset(wish.uris)

    async def set_level(self, subscriber: str, level: str) -> None:
        """Keep the least level of log messages."""
        self._of(subscriber).level = level

    async def level(self, subscriber: str) -> str | None:
        """Return the least level of log messages."""
        wish = self._find(subscriber)
        return None if wish is None else wish.level

    def _find(self, subscriber: str) -> _Wish | None:
        wish = self._kept.get(subscriber)
        if wish is None or wish.ends <= self._now():
            return None
        wish.ends = self._now() + KEPT
        self._kept.move_to_end(subscriber)
        return wish

    def _of(self, subscriber: str) -> _Wish:
        wish = self._find(subscriber)
        if wish is None:
            wish = self._kept[subscriber] = _Wish(self._now() + KEPT)
            self._kept.move_to_end(subscriber)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return wish
