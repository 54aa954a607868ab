"""Remember verified tokens, up to a number of tokens and of tools."""

from collections import Counter, OrderedDict
from dataclasses import replace

from joserfc.jwk import ECKey

from gatepost.claims import AccessClaims

MOST_TOKENS = 10_000
MOST_TOOLS = 200_000
"""Entries of `allowed_tools` in all different sets together, at about a hundred bytes each."""

Verified = tuple[AccessClaims, str, ECKey]
"""A token's claims, and the key that signed it with its id."""


class VerifiedTokens:
    """Verified tokens by their digest; those that were used last stay.

    Tokens with equal tools share one set, since the people of a tenant often allow the same.
    """

    def __init__(self, *, most_tokens: int = MOST_TOKENS, most_tools: int = MOST_TOOLS) -> None:
        """Take the limits."""
        self._most_tokens = most_tokens
        self._most_tools = most_tools
        self._kept: OrderedDict[bytes, Verified] = OrderedDict()
        self._sets: dict[frozenset[str], frozenset[str]] = {}
        self._users: Counter[frozenset[str]] = Counter()
        self.tools = 0
        """Entries in all different sets."""

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self._kept)

    def get(self, digest: bytes) -> Verified | None:
        """Return a token, which counts as used."""
        found = self._kept.get(digest)
        if found is not None:
            self._kept.move_to_end(digest)
        return found

    def keep(self, digest: bytes, claims: AccessClaims, kid: str, key: ECKey) -> AccessClaims:
        """Remember a token, and return its claims with the shared set of tools."""
        self.drop(digest)
        tools = self._sets.setdefault(claims.allowed_tools, claims.allowed_tools)
        if not self._users[tools]:
            self.tools += len(tools)
        self._users[tools] += 1
        if tools is not claims.allowed_tools:
            claims = replace(claims, allowed_tools=tools)
        self._kept[digest] = claims, kid, key
        while len(self._kept) > self._most_tokens or (
            self.tools > self._most_tools and len(self._kept) > 1
        ):
            self.drop(next(iter(self._kept)))
        return claims

    def drop(self, digest: bytes) -> None:
        """Forget a token, if it is known."""
        found = self._kept.pop(digest, None)
        if found is None:
            return
        tools = found[0].allowed_tools
        self._users[tools] -= 1
        if not self._users[tools]:
            del self._users[tools], self._sets[tools]
            self.tools -= len(tools)
