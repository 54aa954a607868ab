"""Counts of steps that write nothing to the database themselves."""

from collections import Counter


class StepCounts:
    """Counts steps in this process, until `take` returns them once a minute.

    A process that is killed loses the counts of its last minute.
    """

    def __init__(self) -> None:
        """Start with empty counts."""
        self._counts = Counter[str]()

    def count(self, step: str) -> None:
        """Count a step once; the caller names it, so that there are only a few."""
        self._counts[step] += 1

    def take(self) -> dict[str, int]:
        """Return the counts and reset them."""
        counts, self._counts = self._counts, Counter[str]()
        return dict(counts)
