"""The ports of notifications: news among the processes of one gateway, and what clients asked for.

`LocalNews` and `LocalWishes` serve one process, `RedisNews` and `RedisWishes` several.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

KEYS_KEPT = 3600
"""Seconds for which a key of `tell_once` is known."""
MOST_URIS = 100
"""Resources that one client may watch at once."""


class Resubscribed(NamedTuple):
    """A client of the handshake era changed which resources it watches."""

    subscriber: str


class Missed(NamedTuple):
    """News may have been lost, so everything that is watched may have changed."""


class Changed(NamedTuple):
    """Something that an API keeps for one tenant has changed."""

    tenant_id: str
    data_scope: Mapping[str, tuple[str, ...]]
    """For each kind, the values of what changed."""
    uris: tuple[str, ...]
    lists: bool
    """Whether the list of resources has changed, too."""


News = Resubscribed | Missed | Changed
Hear = Callable[[News], Awaitable[None]]
"""Tells those whom news concern; the next news wait for it."""


class NotShared(Exception):
    """The store that all processes share does not answer; the client may try again."""


class TooManyWatched(Exception):
    """The client watches `MOST_URIS` resources already."""


class NewsFeed(Protocol):
    """Carries news to every process of the gateway."""

    async def tell(self, news: News) -> None:
        """Tell every process, this one included.

        Raises:
            NotShared: nobody was told.
        """
        ...

    async def tell_once(self, news: News, key: str) -> bool:
        """Tell every process, unless that was done for this key; return whether it was done now.

        Raises:
            NotShared: nobody was told, and the key was not used.
        """
        ...

    def following(self, hear: Hear) -> AbstractAsyncContextManager[None]:
        """Call `hear` with all news while the block lasts, and with `Missed` after an outage."""
        ...


class Wishes(Protocol):
    """Keeps what each client of the handshake era asked for, until a day after it last asked."""

    async def watch(self, subscriber: str, uri: str) -> None:
        """Add a resource; adding it again changes nothing.

        Raises:
            TooManyWatched: the client watches too many.
            NotShared: it can't be stored at the moment.
        """
        ...

    async def unwatch(self, subscriber: str, uri: str) -> None:
        """Remove a resource, if it is there.

        Raises:
            NotShared: it can't be removed at the moment.
        """
        ...

    async def watched(self, subscriber: str) -> frozenset[str]:
        """Return the resources.

        Raises:
            NotShared: they can't be read at the moment.
        """
        ...

    async def set_level(self, subscriber: str, level: str) -> None:
        """Keep the least level of log messages.

        Raises:
            NotShared: it can't be stored at the moment.
        """
        ...

    async def level(self, subscriber: str) -> str | None:
        """Return the least level of log messages; None if the client set none.

        Raises:
            NotShared: it can't be read at the moment.
        """
        ...
