"""What the pipeline needs of whatever counts calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gatepost.rate import MINUTE


class Bucket(NamedTuple):
    """Room for so many calls at once, and for one more after each interval (GCRA)."""

    name: str
    interval: int
    """Microseconds."""
    burst: int


class Full(NamedTuple):
    """There is no room in a bucket for so many more seconds."""

    bucket: str
    seconds: float


class RateLimiter(Protocol):
    """Counts calls by tenant."""

    async def take(self, tenant: str, buckets: Sequence[Bucket]) -> Full | None:
        """Take room for one call in every bucket of a tenant, or in none of them.

        What answers never fails: where the count can't be kept in common, each process keeps its
        own. Whatever else a call has to reserve before it is made joins here.

        Returns:
            None where there was room; else the first bucket that had none.
        """
        ...

    def describe(self) -> str:
        """Say in a few words who counts at the moment."""
        ...


@dataclass(frozen=True, slots=True)
class Tier:
    """What tenants of one tier may do."""

    name: str
    per_minute: int
    burst: int

    @property
    def bucket(self) -> Bucket:
        """The bucket of all calls of a tenant: another one once it is of another tier."""
        return Bucket(f"tier:{self.name}", max(MINUTE // self.per_minute, 1), self.burst)


class Tiers:
    """The tiers by name, each with its bucket made once."""

    def __init__(self, tiers: Sequence[Tier], *, default: str) -> None:
        """Take the tiers, and the name of the one for tenants of any other."""
        self._tiers = {tier.name: (tier, tier.bucket) for tier in tiers}
        self._default = self._tiers[default]

    def of(self, name: str) -> tuple[Tier, Bucket]:
        """Find a tier, and its bucket."""
        return self._tiers.get(name, self._default)
