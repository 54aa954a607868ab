"""One Stripe account: its objects, its time, and the events that it sends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from fake_stripe.errors import missing

API_VERSION = "2026-10-28.endive"

Object = dict[str, Any]


@dataclass(slots=True)
class Faults:
    """What goes wrong, until a test says otherwise."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    """The next calls to fail, each a kind and the start of a path. `refused`: nothing is applied;
    `lost`: applied, but the answer is lost, and a retry with the same key gets it; `error`: applied, and
    every retry with the same key gets the error; `hang`: applied, and answered only after
    `hang_seconds`."""
    hang_seconds: float = 30.0
    duplicate_events: bool = False
    reverse_events: bool = False
    drop_events: int = 0
    """How many of the next events are never delivered."""
    hold_events: bool = False
    """Whether events wait, to be delivered later."""
    summary_lag: timedelta = timedelta(0)
    """How long a meter event takes to reach the summaries."""


@dataclass(slots=True)
class Destination:
    """A webhook endpoint: during the roll of a secret, it has two."""

    url: str
    secrets: tuple[str, ...]
    thin: bool = False


@dataclass(slots=True)
class Account:
    """Everything that the fake remembers."""

    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    url: str = "http://fake-stripe.test"
    """Where browsers reach the pages for Checkout and the portal."""
    secret_key: str = "sk_test_fake"  # noqa: S105 - of an imitation
    after_dunning: Literal["unpaid", "canceled", "past_due"] = "unpaid"
    """The state of a subscription whose last retry has failed, as the real account's settings say."""
    faults: Faults = field(default_factory=Faults)
    destinations: list[Destination] = field(default_factory=list)
    objects: dict[str, Object] = field(default_factory=dict)
    """Every object by its id."""
    events: list[Object] = field(default_factory=list)
    outbox: list[Object] = field(default_factory=list)
    """Events that were not delivered yet."""
    answers: dict[str, tuple[Any, int, Any]] = field(default_factory=dict)
    """By idempotency key: the request, the status and the body."""
    usage: list[Object] = field(default_factory=list)
    identifiers: dict[str, datetime] = field(default_factory=dict)
    transactions: dict[str, datetime] = field(default_factory=dict)
    """When Metronome received each transaction id."""
    ingested: list[Object] = field(default_factory=list)
    """The usage events that Metronome has counted."""
    metering: set[tuple[str, str]] = field(default_factory=set)
    """The customers and meters that a call is writing to."""
    cards: dict[str, str] = field(default_factory=dict)
    """By customer: `works`, or `fails` from the next payment on."""
    offset: timedelta = timedelta(0)
    _count: int = 0

    def time(self) -> int:
        """Tell the account's time, in seconds since 1970."""
        return int((self.now() + self.offset).timestamp())

    def add(self, kind: str, prefix: str, /, **members: Any) -> Object:
        """Add an object with a new id, unless `id` is given."""
        self._count += 1
        made: Object = {
            "id": f"{prefix}_{self._count:024d}",
            "object": kind,
            "created": self.time(),
            "livemode": False,
            "metadata": {},
            **members,
        }
        self.objects[made["id"]] = made
        return made

    def find(self, kind: str, key: str) -> Object:
        """Look up an object.

        Raises:
            StripeError: it does not exist.
        """
        found = self.objects.get(key)
        if found is None or found["object"] != kind:
            raise missing(kind.rpartition(".")[2], key)
        return found

    def every(self, kind: str, **members: Any) -> Iterator[Object]:
        """Iterate over the objects of a kind, the newest first."""
        for found in reversed(list(self.objects.values())):
            if found["object"] == kind and all(
                found.get(name) == value for name, value in members.items()
            ):
                yield found

    def tell(self, kind: str, about: Object, *, data: Object | None = None) -> None:
        """Queue an event about an object; `data` belongs to events that exist only as thin ones."""
        self._count += 1
        event: Object = {
            "id": f"evt_{self._count:024d}",
            "type": kind,
            "created": self.time(),
            "about": {"id": about["id"], "object": about["object"]},
            "snapshot": visible(about),
            "data": data,
        }
        self.events.append(event)
        self.outbox.append(event)


def visible(value: Any) -> Any:
    """Copy a value without the members that are the fake's own."""
    if isinstance(value, dict):
        return {key: visible(one) for key, one in value.items() if not key.startswith("_")}
    return [visible(one) for one in value] if isinstance(value, list) else value
