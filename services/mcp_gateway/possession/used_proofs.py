"""DPoP proofs, each good for one request.

`LocalUsedProofs` serves one process, `RedisUsedProofs` several.
"""

from typing import Protocol

from gatepost.clock import Now
from gatepost.proofs.dpop import Proof

MOST = 500_000
"""Proofs that one process remembers, at about a hundred bytes each: 1,600 calls a second for five minutes."""


class TooManyProofs(Exception):
    """No more proofs can be remembered, and so none be accepted, until some have expired."""


class UsedProofs(Protocol):
    """Remembers which proofs were used, until they expire."""

    async def use(self, proof: Proof) -> bool:
        """Use a proof; return whether this is its first use.

        Raises:
            TooManyProofs: it can't be remembered.
        """
        ...


class LocalUsedProofs:
    """The used proofs of one process, by the minute in which they expire."""

    def __init__(self, now: Now, *, most: int = MOST) -> None:
        """Take the clock, and how many proofs to remember."""
        self._now = now
        self._most = most
        self._minutes: dict[int, set[bytes]] = {}

    def __len__(self) -> int:
        """Return the number of remembered proofs."""
        return sum(map(len, self._minutes.values()))

    async def use(self, proof: Proof) -> bool:
        """Use a proof; return whether this is its first use.

        Raises:
            TooManyProofs: it can't be remembered.
        """
        minute, digest = proof.expires_at // 60, bytes.fromhex(proof.id)
        used = self._minutes.get(minute)
        if used is None:
            current = int(self._now().timestamp()) // 60
            for past in [known for known in self._minutes if known < current]:
                del self._minutes[past]
            used = self._minutes[minute] = set()
        if digest in used:
            return False
        if len(self) >= self._most:
            raise TooManyProofs
        used.add(digest)
        return True
