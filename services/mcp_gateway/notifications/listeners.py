"""The open streams of one process, and what each has to tell its client.

Something that changed is noted with a stream, not queued: whatever happens until the client reads on is
told once, so a client that reads slowly costs no more memory than what it watches.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from typing import NamedTuple

import structlog

from gatepost.background import Sleep, in_background
from gatepost.claims import AccessClaims
from gatepost.metering.call_event import Era
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.elicitation.seal import principal_of
from mcp_gateway.notifications.port import (
    Changed,
    Missed,
    News,
    NewsFeed,
    NotShared,
    Resubscribed,
    Wishes,
)
from mcp_gateway.notifications.visible import (
    CatalogueChange,
    ListName,
    may_list_again,
    watched_names,
)

MOST_OF_ONE = 10
"""Streams that one person may have open through one client, in one process."""
LOOK_SECONDS = 1.0
"""Seconds between two checks whether the tokens of open streams still count."""
AT_ONCE = 20
"""What is told, or looked at, before other work gets its turn."""

log = structlog.get_logger()


class TooManyListeners(Exception):
    """A stream can't be opened; the message says which limit is reached and what to do."""


class Due(NamedTuple):
    """What a client has to be told."""

    lists: tuple[ListName, ...]
    uris: tuple[str, ...]


class Turns:
    """Wakes streams one after another, with a turn of the event loop for other work after each.

    An event, an outage or a withdrawn key concerns thousands of streams at once.
    """

    def __init__(self) -> None:
        """Begin with nobody who waits."""
        self._waiting: dict[asyncio.Event, None] = {}

    def ask(self, wake: asyncio.Event) -> None:
        """Let a stream be woken when those before it have been."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._go_on)
        self._waiting[wake] = None

    def _go_on(self) -> None:
        wake = next(iter(self._waiting))
        wake.set()
        del self._waiting[wake]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._go_on)


class Listener:
    """One open stream: whose it is, what its client wants to hear of, and what is due."""

    __slots__ = (
        "_all_uris",
        "_lists",
        "_turns",
        "_uris",
        "_wake",
        "asked",
        "caller",
        "catalogue",
        "era",
        "has_ended",
        "is_stale",
        "lists",
        "spelled",
        "subscriber",
        "watched",
    )

    def __init__(
        self,
        caller: AccessClaims,
        catalogue: Catalogue,
        era: Era,
        lists: frozenset[ListName],
        subscriber: str,
        turns: Turns,
    ) -> None:
        """Take the lists to tell about, the name of a client whose wishes are kept, and its turns."""
        self.caller = caller
        self.catalogue = catalogue
        """The catalogue as the client knows it."""
        self.era = era
        self.lists = lists
        self.subscriber = subscriber
        self.asked: frozenset[str] = frozenset()
        """The resources that the client asked to watch."""
        self.watched: frozenset[str] = frozenset()
        """Those of them that it may watch."""
        self.spelled: Mapping[str, frozenset[str]] = {}
        """Names in events to resources that the client wrote in other ways."""
        self.is_stale = False
        """Whether the client's wishes may have changed since they were read."""
        self._lists: dict[ListName, None] = {}
        self._uris: dict[str, None] = {}
        self._all_uris = False
        self.has_ended = False
        """Whether nothing more may be told."""
        self._wake = asyncio.Event()
        self._turns = turns

    def note(self, lists: Iterable[ListName] = (), uris: Iterable[str] = ()) -> None:
        """Note what changed; the client is told of what it wants to hear of."""
        for name in self.lists.intersection(lists):
            self._lists[name] = None
        for uri in self.watched.intersection(uris):
            self._uris[uri] = None
        for event_name in self.spelled.keys() & uris if self.spelled else ():
            self._uris.update(dict.fromkeys(self.spelled[event_name]))
        if self._lists or self._uris:
            self._turns.ask(self._wake)

    def note_outage(self) -> None:
        """Note that everything that the client watches may have changed, without a look at each."""
        self._all_uris = True
        self.note(("resources",))
        self._turns.ask(self._wake)

    def end(self) -> None:
        """End the stream; what is due is not told any more."""
        self.has_ended = True
        self._turns.ask(self._wake)

    async def due(self) -> Due | None:
        """Wait for what the client has to be told, in parts; None once the stream ends."""
        await self._wake.wait()
        self._wake.clear()
        if self.has_ended:
            self._wake.set()
            return None
        if self._all_uris:
            self._all_uris = False
            self._uris.update(dict.fromkeys(self.watched))
        due = Due(tuple(self._lists), tuple(islice(self._uris, AT_ONCE)))
        self._lists.clear()
        for uri in due.uris:
            del self._uris[uri]
        if self._uris:
            self._turns.ask(self._wake)
        return due


class Listeners:
    """Opens the streams of one process within limits, and ends those whose tokens have ended."""

    def __init__(
        self,
        catalogue: Catalogue,
        feed: NewsFeed,
        wishes: Wishes,
        *,
        holds: Callable[[AccessClaims], bool],
        most: int,
        with_skills: bool,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Take what all streams share.

        Args:
            catalogue: what is served at first.
            feed: brings news of all processes.
            wishes: keeps what clients of the handshake era asked for.
            holds: tells whether a request with these claims would be accepted now.
            most: how many streams may be open; 0 if the gateway offers none.
            with_skills: whether skills are served.
            sleep: waits between two checks.
        """
        self._catalogue = catalogue
        self._feed = feed
        self.wishes = wishes
        self._holds = holds
        self._most = most
        self._with_skills = with_skills
        self._sleep = sleep
        self._open: dict[Listener, None] = {}
        self._of_principal: Counter[str] = Counter()
        self._of_tenant: dict[str, dict[Listener, None]] = {}
        self._of_subscriber: dict[str, dict[Listener, None]] = {}
        self._closed = False
        self._turns = Turns()
        # Each in a task of its own: neither a large catalogue nor a slow Redis may let a stream go on
        # after its token.
        self._check_now = asyncio.Event()
        self._compare_now = asyncio.Event()
        self._read_now = asyncio.Event()

    @property
    def are_offered(self) -> bool:
        """Tell whether clients may open streams at all."""
        return self._most > 0

    def count(self) -> Counter[Era]:
        """Count the open streams by era."""
        return Counter(listener.era for listener in self._open)

    @contextmanager
    def open(
        self,
        caller: AccessClaims,
        era: Era,
        *,
        lists: Iterable[ListName],
        subscriber: str = "",
        alone: bool = False,
    ) -> Iterator[Listener]:
        """Open a stream for as long as the block lasts.

        Args:
            caller: whose it is.
            era: the protocol that its client speaks.
            lists: the lists of which the client wants to hear.
            subscriber: a name for the client, if its wishes are kept.
            alone: whether to end the subscriber's other streams, because a message must go to one of
                them only (2025-11-25 transports, Multiple Connections).

        Raises:
            TooManyListeners: a limit is reached.
        """
        principal, tenant = principal_of(caller), caller.tenant_id
        former = tuple(self._of_subscriber.get(subscriber, ())) if alone else ()
        # A stream replaces one; others may not have ended yet, because their clients do not read.
        if len(former) != 1:
            self._require_room(principal, tenant)
        for replaced in former:
            replaced.end()
        listener = Listener(caller, self._catalogue, era, frozenset(lists), subscriber, self._turns)
        if self._closed:
            listener.end()
        self._open[listener] = None
        self._of_principal[principal] += 1
        self._of_tenant.setdefault(tenant, {})[listener] = None
        self._of_subscriber.setdefault(subscriber, {})[listener] = None
        try:
            yield listener
        finally:
            del self._open[listener]
            _lower(self._of_principal, principal)
            _remove(self._of_tenant, tenant, listener)
            _remove(self._of_subscriber, subscriber, listener)

    def watch(self, listener: Listener, uris: Iterable[str]) -> None:
        """Let a stream tell of these resources, of those that its caller may watch."""
        listener.asked = frozenset(uris)
        watched: list[str] = []
        spelled: dict[str, frozenset[str]] = {}
        for uri in listener.asked:
            names = watched_names(
                listener.catalogue, listener.caller, uri, with_skills=self._with_skills
            )
            if names:
                watched.append(uri)
            for name in names - {uri}:
                spelled[name] = spelled.get(name, frozenset()) | {uri}
        # Mostly the same object: after a reload, the garbage collector looks at whatever is new.
        everything = len(watched) == len(listener.asked)
        listener.watched = listener.asked if everything else frozenset(watched)
        listener.spelled = spelled

    async def read_wishes(self, listener: Listener) -> None:
        """Let a stream of the handshake era tell of what its client subscribed to.

        If that can't be read at the moment, it is read later.
        """
        listener.is_stale = False
        try:
            self.watch(listener, await self.wishes.watched(listener.subscriber))
        except NotShared:
            listener.is_stale = True

    async def subscribe(self, subscriber: str, uri: str) -> None:
        """Let a client's streams, at every process, tell of a resource.

        Raises:
            TooManyWatched: the client watches too many.
            NotShared: it can't be stored at the moment; the client may try again.
        """
        await self.wishes.watch(subscriber, uri)
        await self._feed.tell(Resubscribed(subscriber))

    async def unsubscribe(self, subscriber: str, uri: str) -> None:
        """Undo `subscribe`; what was not subscribed to stays so.

        Raises:
            NotShared: it can't be stored at the moment; the client may try again.
        """
        await self.wishes.unwatch(subscriber, uri)
        await self._feed.tell(Resubscribed(subscriber))

    def switch(self, catalogue: Catalogue) -> None:
        """Tell each client of what it sees change with another catalogue."""
        self._catalogue = catalogue
        self._compare_now.set()

    def end_all(self) -> None:
        """End every stream; clients may open others."""
        for listener in self._open:
            listener.end()

    def close(self) -> None:
        """End every stream, because the process stops; later ones end at once."""
        self._closed = True
        self.end_all()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look after the open streams while the block lasts."""
        async with (
            in_background(self._check_regularly),
            in_background(lambda: self._whenever(self._check_now, self._check)),
            in_background(lambda: self._whenever(self._compare_now, self._compare)),
            in_background(lambda: self._whenever(self._read_now, self._read)),
            self._feed.following(self._hear),
        ):
            yield

    def _require_room(self, principal: str, tenant: str) -> None:
        if self._of_principal[principal] >= MOST_OF_ONE:
            raise TooManyListeners(
                f"This app has {MOST_OF_ONE} open streams of notifications, the most it may have. "
                "Close one first."
            )
        # A tenant may open no more than it leaves free, so that one alone gets half.
        free = self._most - len(self._open)
        if free <= 0 or len(self._of_tenant.get(tenant, ())) >= free:
            raise TooManyListeners(
                "This gateway has no room for another stream of notifications at the moment. "
                "Try again in a minute."
            )

    async def _check_regularly(self) -> None:
        while True:
            await self._sleep(LOOK_SECONDS)
            self._check_now.set()
            self._read_now.set()

    async def _whenever(self, wanted: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await wanted.wait()
            wanted.clear()
            try:
                await work()
            except Exception:  # a fault with one look must not leave the others out
                log.exception("streams_not_checked")

    async def _check(self) -> None:
        """End streams whose token has ended."""
        async for listener in _in_parts(self._open):
            if not self._holds(listener.caller):
                listener.end()

    async def _compare(self) -> None:
        """Note what another catalogue changed."""
        now_served = self._catalogue
        changes: dict[int, CatalogueChange] = {}
        for listener in tuple(self._open):
            before = listener.catalogue
            if before is now_served:
                continue
            if id(before) not in changes:
                # A large catalogue takes long to compare, so calls continue meanwhile.
                changes[id(before)] = await asyncio.to_thread(
                    CatalogueChange, before, now_served, with_skills=self._with_skills
                )
            change = changes[id(before)]
            listener.note(change.lists(listener.caller), change.contents)
            listener.catalogue = now_served
            self.watch(listener, listener.asked)
            await asyncio.sleep(0)  # each may have tools and resources of its own

    async def _read(self) -> None:
        """Read again what clients subscribed to."""
        for listener in [one for one in self._open if one.is_stale and not one.has_ended]:
            await self.read_wishes(listener)
            if listener.is_stale:
                return  # each of the others would wait for Redis in vain, too

    async def _hear(self, news: News) -> None:
        match news:
            case Resubscribed(subscriber):
                for listener in self._of_subscriber.get(subscriber, ()):
                    listener.is_stale = True
                    self._read_now.set()
            case Changed():
                async for listener in _in_parts(self._of_tenant.get(news.tenant_id, ())):
                    if _concerns(news, listener.caller):
                        told = news.lists and may_list_again(
                            listener.catalogue, listener.caller, news.uris
                        )
                        listener.note(("resources",) if told else (), news.uris)
            case Missed():
                async for listener in _in_parts(self._open):
                    listener.note_outage()
                    listener.is_stale = bool(listener.subscriber)
                self._read_now.set()


async def _in_parts(listeners: Iterable[Listener]) -> AsyncIterator[Listener]:
    """Yield streams that are open now, with a turn for other work after some of them."""
    for number, listener in enumerate(tuple(listeners), 1):
        yield listener
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)


def _concerns(news: Changed, caller: AccessClaims) -> bool:
    """Tell whether a caller may see what changed.

    A kind that the token restricts and the event does not name hides the event.
    """
    return news.tenant_id == caller.tenant_id and all(
        not values.isdisjoint(news.data_scope.get(kind, ()))
        for kind, values in caller.data_scope.kinds.items()
    )


def _remove(groups: dict[str, dict[Listener, None]], name: str, listener: Listener) -> None:
    del groups[name][listener]
    if not groups[name]:
        del groups[name]


def _lower(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if not counts[name]:
        del counts[name]
