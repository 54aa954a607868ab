"""Revocations, which the authorization server announces and every gateway stores.

An access token ends early when one of its identifiers is revoked. These are revoked permanently:
`token` (its `jti`), `family` (its source, the part of `jti` before the dot; a sub-agent's token has one
for each delegation and that of the app's token), `key` (the `kid` that signed it). The others can get new tokens, so `below` says which tokens end: `grant` by version,
`client`, `tenant` and `person` by the second of issue.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gatepost.claims import AccessClaims

REVOCATIONS_PATH = "/internal/revocations"
"""The path that gateways poll: a form with `after` and `wait`, authenticated as at `/token`."""
LONGEST_WAIT = 25
"""The most seconds that such a request may wait for new revocations."""
FOR_GOOD = 1 << 53
"""The value of `below` that covers every token; larger than any claim."""

Kind = Literal["token", "family", "key", "grant", "client", "tenant", "person"]


class Revocation(BaseModel):
    """One revoked identifier; all its tokens have expired by `expires_at` (Unix seconds)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Kind
    key: Annotated[str, Field(min_length=1, max_length=1024)]
    below: Annotated[int, Field(ge=0, le=FOR_GOOD)] = FOR_GOOD
    expires_at: Annotated[int, Field(ge=0)]


class RevocationsPage(BaseModel):
    """An answer of the long poll: new revocations, and the `after` of the next request."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    revocations: tuple[Revocation, ...]
    after: str


def stream_key(issuer: str) -> str:
    """Name the Redis stream of an issuer; the key's hash tag keeps it in one slot."""
    return f"gatepost:{{{issuer}}}:revocations"


def name_token(family: str, unique: str) -> str:
    """Write the `jti` of a token issued from a family (of refresh tokens, or an API key)."""
    return f"{family}.{unique}"


def families_of(jti: str) -> list[str]:
    """List the sources of a token, the nearest first; a token without one is its own."""
    return jti.split(".")[:-1] or [jti]


def names_of(claims: AccessClaims, kid: str) -> Iterator[tuple[Kind, str]]:
    """List the identifiers by which a token can be revoked."""
    yield "token", claims.jti
    for family in families_of(claims.jti):
        yield "family", family
    yield "key", kid
    yield "grant", claims.grant_id
    yield "client", claims.client_id
    for actor in claims.actors:
        yield "client", actor
    yield "tenant", claims.tenant_id
    yield "person", claims.sub


class RevocationList:
    """Revocations in memory. Adding one twice changes nothing, and none can be weakened."""

    def __init__(self, revocations: Iterable[Revocation] = ()) -> None:
        """Start with the given revocations."""
        self._expiry: dict[tuple[Kind, str], int] = {}
        self._by_expiry: list[tuple[int, Kind, str]] = []
        """A heap, which may also hold earlier expiries of a revocation."""
        # One table for each kind, because every request of a gateway checks them.
        self._tokens: dict[str, int] = {}
        self._families: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._grants: dict[str, int] = {}
        self._clients: dict[str, int] = {}
        self._tenants: dict[str, int] = {}
        self._people: dict[str, int] = {}
        self._tables: Mapping[Kind, dict[str, int]] = {
            "token": self._tokens,
            "family": self._families,
            "key": self._keys,
            "grant": self._grants,
            "client": self._clients,
            "tenant": self._tenants,
            "person": self._people,
        }
        for revocation in revocations:
            self.add(revocation)

    def __len__(self) -> int:
        """Return the number of revocations."""
        return len(self._expiry)

    def add(self, revocation: Revocation) -> bool:
        """Add a revocation; return whether its identifier was not in the list before."""
        kind, key = revocation.kind, revocation.key
        table = self._tables[kind]
        new = key not in table
        table[key] = max(revocation.below, table.get(key, 0))
        if revocation.expires_at > self._expiry.get((kind, key), -1):
            self._expiry[kind, key] = revocation.expires_at
            heappush(self._by_expiry, (revocation.expires_at, kind, key))
        return new

    def forget_expired(self, now: float, *, most: int = 1000) -> None:
        """Delete revocations whose tokens have all expired; `now` is in Unix seconds.

        At most `most` are deleted, those first that expired first, so that nobody waits for many.
        """
        for _ in range(most):
            if not self._by_expiry or self._by_expiry[0][0] >= now:
                return
            expires_at, kind, key = heappop(self._by_expiry)
            if self._expiry[kind, key] == expires_at:
                del self._expiry[kind, key]
                del self._tables[kind][key]

    def is_revoked(self, claims: AccessClaims, kid: str) -> bool:
        """Return whether any of a token's identifiers is revoked."""
        return bool(self._expiry) and (
            claims.jti in self._tokens
            or claims.jti.partition(".")[0] in self._families
            or kid in self._keys
            or claims.grant_version < self._grants.get(claims.grant_id, 0)
            or claims.iat < self._clients.get(claims.client_id, 0)
            or claims.iat < self._tenants.get(claims.tenant_id, 0)
            or claims.iat < self._people.get(claims.sub, 0)
            or (bool(claims.actors) and self._is_delegation_revoked(claims))
        )

    def _is_delegation_revoked(self, claims: AccessClaims) -> bool:
        """Return whether a delegation above, the app's own token, or an actor's client has ended."""
        return any(family in self._families for family in families_of(claims.jti)) or any(
            claims.iat < self._clients.get(actor, 0) for actor in claims.actors
        )
