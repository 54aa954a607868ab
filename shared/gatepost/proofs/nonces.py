"""Nonces for DPoP proofs (RFC 9449 §8, §9): the server seals the time into each and stores none.

A proof with a nonce of ours was made after the nonce, however early the client's clock says, so that
nobody can make proofs for later (§11.2).
"""

from collections.abc import Callable

from gatepost.clock import Now

LIFETIME = 300
"""Seconds that a nonce is valid."""
RENEWED = LIFETIME // 2
"""The age from which an answer brings the next one."""

Seal = Callable[[int], str]
"""Seals a time, in visible ASCII without quotes and backslashes."""
Unseal = Callable[[str], int | None]
"""Returns a sealed time, or None for any other text."""


class Nonces:
    """Makes nonces and recognises them, for all processes that share the seal."""

    def __init__(self, seal: Seal, unseal: Unseal, now: Now) -> None:
        """Take the two halves of the seal, and the clock."""
        self._seal = seal
        self._unseal = unseal
        self._now = now

    def make(self) -> str:
        """Make the nonce of this minute."""
        return self._seal(self._time() // 60 * 60)

    def age(self, nonce: str) -> int | None:
        """Return how old a nonce is, in seconds, or None if it is not a valid nonce of ours."""
        made = self._unseal(nonce)
        age = None if made is None else self._time() - made
        # Processes' clocks differ a little.
        return age if age is not None and -30 <= age <= LIFETIME + 60 else None

    def _time(self) -> int:
        return int(self._now().timestamp())
