"""The key that signs access tokens."""

from collections.abc import Mapping
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
        # The single key, never a key set: with a set the signing key would be picked at random.
        header = {"alg": ALGORITHM, "kid": self.kid, "typ": token_type}
        return jwt.encode(header, dict(payload), self.key, registry=_REGISTRY)
