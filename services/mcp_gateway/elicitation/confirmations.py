"""Confirmations in the modern era, each good for one call.

The client carries a confirmation in a sealed state, and could send it again. So the gateway remembers
which were used until they expire. `LocalConfirmations` serves one process, `RedisConfirmations` several.
"""

from heapq import heappop, heappush
from typing import Protocol

from gatepost.clock import Now


class ConfirmationsUnavailable(Exception):
    """Whether a confirmation was used before can't be found out at the moment."""


class Confirmations(Protocol):
    """Remembers which confirmations were used."""

    async def redeem(self, state_id: str, expires: int) -> bool:
        """Use a confirmation; return whether this is its first use.

        Args:
            state_id: the id of its sealed state.
            expires: when the state expires, in Unix seconds.

        Raises:
            ConfirmationsUnavailable: it may or may not have been used before.
        """
        ...


class LocalConfirmations:
    """The used confirmations of one process."""

    def __init__(self, now: Now) -> None:
        """Take the clock, by which used confirmations are forgotten once they have expired."""
        self._now = now
        self._used: set[str] = set()
        self._by_expiry: list[tuple[int, str]] = []

    def __len__(self) -> int:
        """Return the number of remembered confirmations."""
        return len(self._used)

    async def redeem(self, state_id: str, expires: int) -> bool:
        """Use a confirmation; return whether this is its first use."""
        now = self._now().timestamp()
        while self._by_expiry and self._by_expiry[0][0] < now:
            self._used.discard(heappop(self._by_expiry)[1])
        if state_id in self._used:
            return False
        self._used.add(state_id)
        heappush(self._by_expiry, (expires, state_id))
        return True
