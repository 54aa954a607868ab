"""The port through which the pipeline reserves what a call needs, and settles what it cost."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import UsedUnits


class Bucket(NamedTuple):
    """Capacity for a burst of calls, and for one more after each interval (GCRA)."""

    name: str
    interval: int
    """Microseconds."""
    burst: int


class Quota(NamedTuple):
    """The most units of one counter of a tenant's month; `limits.counters` names the counters."""

    counter: str
    most: int
    source: Literal["plan", "credit", "budget"] = "plan"
    """Who set it: a plan's quota and a budget of the tenant may limit the same counter."""


class Full(NamedTuple):
    """A bucket that has no capacity, and the seconds until it has."""

    bucket: str
    seconds: float


class Exhausted(NamedTuple):
    """A quota that has fewer units left than the call needs, and how many are used."""

    counter: str
    used: int


class TooManyRunning(NamedTuple):
    """The tenant runs as many calls as it may at once."""

    most: int


class Uncountable(NamedTuple):
    """The quotas can't be counted at the moment, and the plan does not allow uncounted calls."""

    reason: str


Refusal = Full | Exhausted | TooManyRunning | Uncountable


class Reservation(NamedTuple):
    """What a call needs before its request is sent, and after it was admitted, what it holds."""

    call_id: str
    tenant_id: str
    month: str
    """The month whose counters the call adds to, such as `2026-11`; see `limits.counters`."""
    counters: tuple[str, ...]
    """The counters that the call adds its units to."""
    units: int
    """The most units that the call may cost."""
    quotas: tuple[Quota, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    concurrent: int | None = None
    """Calls that the tenant may run at once."""
    lease: float = 60.0
    """Seconds after which a call that was not settled counts as one of unknown outcome."""
    allow_uncounted: bool = True
    intent: bytes = b""
    """The call's event as it is recorded if the call is never settled."""
    counted: bool = True
    """False for a call that was admitted while it could not be counted."""
    full_in: int | None = None
    """Once reserved: microseconds until the first bucket is full again; None if that is unknown."""
    used: tuple[int, ...] = ()
    """Once reserved: the used units of each quota, with those of this call."""


class UsageUnknown(Exception):
    """The authorization server does not tell the units that a tenant has used."""


ReadUsage = Callable[[str, str, str], Awaitable[UsedUnits]]
"""Reads the units of a tenant, a month and an environment; raises `UsageUnknown`."""


class Limits(Protocol):
    """Counts the calls and units of tenants.

    A call is reserved before its request is sent and settled once its outcome is known. Each of these
    has an effect once for each call id, however often it is repeated. A call that is not settled within
    its lease gives its units back and leaves an event of unknown outcome.
    """

    async def take(self, tenant_id: str, buckets: Sequence[Bucket]) -> Full | None:
        """Take capacity for a call that is refused for another reason.

        Returns:
            None if every bucket had capacity, else the first that did not; then none was taken.
        """
        ...

    async def reserve(self, wanted: Reservation) -> Reservation | Refusal:
        """Reserve everything that a call needs, or nothing.

        The intent is stored durably before this returns. This never fails: if the shared count is
        unavailable, the process counts its share of the rate, and the plan decides about quotas.
        """
        ...

    async def settle(self, held: Reservation, event: CallEvent) -> None:
        """Replace the reserved units by the event's `cost`, and store the event durably."""
        ...

    def describe(self) -> str:
        """Describe where calls are counted at the moment."""
        ...


class Journal(Protocol):
    """Stores intents and events on this machine until they are delivered."""

    async def store_intent(self, call_id: str, due: float, intent: bytes) -> None:
        """Store an intent until its event is stored, or until it is due (Unix seconds)."""
        ...

    async def store_event(self, call_id: str, event: CallEvent) -> None:
        """Store an event on the disk in place of the call's intent."""
        ...

    async def take_due_intents(self, now: float) -> Sequence[str]:
        """Turn the intents that are due into events; return their call ids."""
        ...

    async def deliver_stored(self) -> bool:
        """Deliver the events on the disk now; return whether all of them arrived."""
        ...

    def log(self, event: bytes) -> None:
        """Write the log line of a written event that is stored elsewhere."""
        ...
