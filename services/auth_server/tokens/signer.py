"""Sign JWTs with the active key."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import ECKey

from gatepost.claims import ALGORITHM

_REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True)
class Signer:
    """One signing key."""

    kid: str
    key: ECKey

    def sign(self, payload: Mapping[str, Any], *, token_type: str) -> str:
        """Sign a JWT of the given `typ` (RFC 9068 §2.1 for access tokens)."""
        # A single key, because joserfc would choose a random key from a set.
        header = {"alg": ALGORITHM, "kid": self.kid, "typ": token_type}
        return jwt.encode(header, dict(payload), self.key, registry=_REGISTRY)


FindSigner = Callable[[], Awaitable[Signer]]
"""Returns the key that is active now."""
