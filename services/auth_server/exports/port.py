"""The port of the systems to which usage is exported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays for a tenant, as the system knows them."""

    name: str
    licence: str = ""
    """The licence under which AWS Marketplace counts."""
    period_start: datetime | None = None
    """When the present billing period began."""
    period_end: datetime | None = None
    subscribed_at: datetime | None = None
    """When the first billing period began."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Units to be counted by the system, once."""

    identifier: str
    """At most 100 characters, the same at each attempt."""
    tenant_id: str
    customer: Customer
    meter: str
    """The name of the meter in the manifest."""
    at: datetime
    """The time under which to count the units."""
    units: int
    """At least one."""


class Kind(Enum):
    """What an attempt showed."""

    COUNTED = auto()
    """The system counts it, now or since an earlier attempt."""
    LATER = auto()
    """The system certainly did not count it, and may later."""
    UNKNOWN = auto()
    """Nobody knows whether the system counts it."""
    REFUSED = auto()
    """The system did not count it in this attempt, and never will."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an attempt showed, and the problem in words without secrets."""

    kind: Kind
    problem: str = ""


COUNTED = Attempt(Kind.COUNTED)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a system counts."""

    recognises: timedelta
    """How long after an attempt the system still recognises its identifier."""
    accepts: timedelta
    """How old usage may be."""
    batch: int
    """How many exports `send` takes at once."""
    once_an_hour: bool = False
    """Whether an hour of a customer can be exported only once, so that later units take another."""
    carries_after: timedelta | None = None
    """How long after the start of a billing period the invoice of the one before is final. Units of
    that one are carried over to the present period then. None if the system knows no periods."""


class UsageExporter(Protocol):
    """A system that counts usage for invoices; its adapters pass one contract suite."""

    name: str
    rules: Rules

    def name_of(self, meter: str) -> str:
        """Return the system's name for a meter."""
        ...

    async def send(self, batch: Sequence[Usage]) -> Mapping[str, Attempt]:
        """Try to have each of them counted, and say what that showed, by identifier.

        One that the answer leaves out counts as `UNKNOWN`. Each tenant appears at most once.
        """
        ...

    async def read_total(
        self, customer: str, name: str, *, since: datetime, until: datetime
    ) -> int | None:
        """Return the units that the system counted for a customer and a meter; None if it can't tell.

        Raises:
            SystemUnavailable: it does not answer now.
        """
        ...


class SystemUnavailable(Exception):
    """The system does not answer now; the message says why."""
