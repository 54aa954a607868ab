"""The port through which the pipeline counts calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gatepost.rate import MINUTE


class Bucket(NamedTuple):
    """Capacity for a burst of calls, and for one more after each interval (GCRA)."""

    name: str
    interval: int
    """Microseconds."""
    burst: int


class Full(NamedTuple):
    """A bucket that has no capacity, and the seconds until it has."""

    bucket: str
    seconds: float


class RateLimiter(Protocol):
    """Counts calls by tenant."""

    async def take(self, tenant: str, buckets: Sequence[Bucket]) -> Full | None:
        """Take capacity for one call from every bucket of a tenant, or from none of them.

        This never fails: if the shared count is unavailable, each process counts its own calls.
        Anything else that a call must reserve before it is made belongs here too.

        Returns:
            None if every bucket had capacity, else the first that did not.
        """
        ...

    def describe(self) -> str:
        """Describe where calls are counted at the moment."""
        ...


@dataclass(frozen=True, slots=True)
class Tier:
    """The rate limit of the tenants of one tier."""

    name: str
    per_minute: int
    burst: int

    @property
    def bucket(self) -> Bucket:
        """The bucket of all calls of a tenant; a tenant that changes its tier gets a new one."""
        return Bucket(f"tier:{self.name}", max(MINUTE // self.per_minute, 1), self.burst)


class Tiers:
    """The tiers by name, each with its bucket."""

    def __init__(self, tiers: Sequence[Tier], *, default: str) -> None:
        """Take the tiers, and the name of the default for tenants of an unknown tier."""
        self._tiers = {tier.name: (tier, tier.bucket) for tier in tiers}
        self._default = self._tiers[default]

    def of(self, name: str) -> tuple[Tier, Bucket]:
        """Return a tier and its bucket."""
        return self._tiers.get(name, self._default)
