"""Revocations: what the authorization server announces and every gateway remembers.

An access token ends early when one of the names it carries was revoked. Most are ended for good:
`token` (its `jti`), `family` (what it was issued from, the part of `jti` before the dot), `key` (the
`kid` that signed it). The others may be given anew, so that `below` says which tokens are meant:
`grant` by version, `client`, `tenant` and `person` by the second of issue.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gatepost.claims import AccessClaims

REVOCATIONS_PATH = "/internal/revocations"
"""Where gateways ask for them: a form with `after` and `wait`, authenticated as at `/token`."""
LONGEST_WAIT = 25
"""Seconds that such a request may ask to wait for news."""
FOR_GOOD = 1 << 53
"""As `below`: every token, however it was issued; one more than any claim can be."""

Kind = Literal["token", "family", "key", "grant", "client", "tenant", "person"]


class Revocation(BaseModel):
    """One thing that ended; `expires_at` (Unix seconds) is when no token of it can be alive."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Kind
    key: Annotated[str, Field(min_length=1, max_length=1024)]
    below: Annotated[int, Field(ge=0, le=FOR_GOOD)] = FOR_GOOD
    expires_at: Annotated[int, Field(ge=0)]


class RevocationsPage(BaseModel):
    """An answer of the long poll: what is new, and where to go on from (`after`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    revocations: tuple[Revocation, ...]
    after: str


def stream_key(issuer: str) -> str:
    """Name the Redis stream of an issuer: one key, so one slot of a cluster holds all of it."""
    return f"gatepost:{{{issuer}}}:revocations"


def name_token(family: str, unique: str) -> str:
    """Write the `jti` of a token issued from a family (of refresh tokens, or an API key)."""
    return f"{family}.{unique}"


def names_of(claims: AccessClaims, kid: str) -> Iterator[tuple[Kind, str]]:
    """List everything by which a token can be revoked."""
    yield "token", claims.jti
    yield "family", claims.jti.partition(".")[0]
    yield "key", kid
    yield "grant", claims.grant_id
    yield "client", claims.client_id
    yield "tenant", claims.tenant_id
    yield "person", claims.sub


class RevocationList:
    """Revocations in memory. Adding one twice changes nothing, and nothing makes one weaker."""

    def __init__(self, revocations: Iterable[Revocation] = ()) -> None:
        """Begin with these."""
        self._expiry: dict[tuple[Kind, str], int] = {}
        # A table for each kind, found without a search: every request of a gateway asks.
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
        """Count them."""
        return len(self._expiry)

    def add(self, revocation: Revocation) -> None:
        """Remember one."""
        kind, key = revocation.kind, revocation.key
        table = self._tables[kind]
        table[key] = max(revocation.below, table.get(key, 0))
        self._expiry[kind, key] = max(revocation.expires_at, self._expiry.get((kind, key), 0))

    def forget_expired(self, now: float) -> None:
        """Drop those of which no token can be alive any more; `now` in Unix seconds."""
        for (kind, key), expires_at in list(self._expiry.items()):
            if expires_at < now:
                del self._expiry[kind, key]
                del self._tables[kind][key]

    def is_revoked(self, claims: AccessClaims, kid: str) -> bool:
        """Tell whether a token has ended, by any of its names."""
        return bool(self._expiry) and (
            claims.jti in self._tokens
            or claims.jti.partition(".")[0] in self._families
            or kid in self._keys
            or claims.grant_version < self._grants.get(claims.grant_id, 0)
            or claims.iat < self._clients.get(claims.client_id, 0)
            or claims.iat < self._tenants.get(claims.tenant_id, 0)
            or claims.iat < self._people.get(claims.sub, 0)
        )
