"""Counts of refusals that concern no known person or client, written to the audit log each minute."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

_MOST_KINDS, _MOST_ADDRESSES, _LONGEST = 200, 1000, 100


@dataclass(slots=True)
class _Count:
    times: int = 0
    addresses: set[str] = field(default_factory=set)


class Denials:
    """Counts refusals for each path and error, and how many addresses they came from.

    A stranger can cause a thousand refusals a second. One entry for each would fill the disk and
    make every refusal wait for the log's only writer.
    """

    def __init__(self) -> None:
        """Start with empty counts."""
        self._counts: dict[tuple[str, str], _Count] = {}
        self.totals: Counter[tuple[str, str]] = Counter()
        """Refusals of each path and error since the process started."""
        self.spent: Counter[str] = Counter()
        """Refusals because a limit was spent, by its setting."""

    def count(self, path: str, error: str, address: str) -> None:
        """Count one refusal.

        Args:
            path: the path of the request; only its first segment counts.
            error: the `error` in the response, or the title of the page.
            address: as `address_of` returns it.
        """
        kind = f"/{path.split('/', 2)[1][:_LONGEST]}" if "/" in path else "", error[:_LONGEST]
        if kind not in self._counts and len(self._counts) >= _MOST_KINDS:
            kind = "", ""
        count = self._counts.setdefault(kind, _Count())
        count.times += 1
        known = kind in self.totals or len(self.totals) < _MOST_KINDS
        self.totals[kind if known else ("other", "other")] += 1
        if len(count.addresses) < _MOST_ADDRESSES:
            count.addresses.add(address)

    def take(self) -> list[Mapping[str, str | int]]:
        """Return the counts and reset them."""
        counts, self._counts = self._counts, {}
        return [
            {
                "path": path,
                "error": error,
                "times": count.times,
                "addresses": len(count.addresses),
            }
            for (path, error), count in sorted(counts.items())
        ]
