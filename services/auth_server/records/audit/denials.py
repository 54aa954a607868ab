"""Refusals to nobody in particular: counted here, and told to the audit log once a minute."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_MOST_KINDS, _MOST_ADDRESSES = 200, 1000


@dataclass(slots=True)
class _Count:
    times: int = 0
    addresses: set[str] = field(default_factory=set)


class Denials:
    """What was refused since it was last told: how often at each path, and from how many places.

    A stranger may be refused a thousand times a second. An entry each would fill the disk and make
    every refusal wait for the log's one writer.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._counts: dict[tuple[str, str], _Count] = {}

    def count(self, path: str, error: str, address: str) -> None:
        """Count one.

        Args:
            path: where; of a longer one the first segment counts.
            error: the `error` that was answered, or the title of the page.
            address: as `address_of` names it.
        """
        kind = f"/{path.split('/', 2)[1]}" if "/" in path else "", error
        if kind not in self._counts and len(self._counts) >= _MOST_KINDS:
            kind = "", ""
        count = self._counts.setdefault(kind, _Count())
        count.times += 1
        if len(count.addresses) < _MOST_ADDRESSES:
            count.addresses.add(address)

    def take(self) -> list[Mapping[str, str | int]]:
        """Tell what was counted, and begin anew."""
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
