"""A gateway that signs for requests to an API on a free port, or in process."""

import hashlib
import time
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from joserfc.jwk import ECKey

from gatepost_verify import KeyCache, Verifier

BASE = "https://api.example.com"
ISSUER = "https://mcp.example.com/mcp"


class Gateway:
    """Signs assertions, and makes the verifier that trusts it."""

    def __init__(self) -> None:
        """Make a key."""
        self.key = ECKey.generate_key("P-256", {"kid": "gw-1"})
        self.pem = self.key.as_pem(private=True)
        self.signed = 0

    def verifier(self, **settings: Any) -> Verifier:
        """Make what an API trusts the gateway with."""
        document = {"keys": [self.key.as_dict(private=False)]}
        keys = KeyCache(f"{ISSUER}/jwks", fetch=lambda _: document)
        return Verifier(**{"issuer": ISSUER, "audience": BASE, "keys": keys, **settings})

    def headers(
        self, method: str, target: str, body: bytes = b"", **changed: Any
    ) -> dict[str, str]:
        """Sign for a request."""
        self.signed += 1
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": BASE,
            "sub": "usr_ada",
            "tenant_id": "org_acme",
            "data_scope": "",
            "client_id": "client_1",
            "env": "live",
            "tool": "a_tool",
            "jti": f"call-{self.signed}",
            "iat": now,
            "exp": now + 60,
            "htm": method,
            "htu": BASE + target,
            "body_sha256": urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode(),
        }
        typ = {"typ": "gatepost-assertion+jwt", "kid": "gw-1"}
        return {"Gatepost-Assertion": jwt.encode(claims | changed, self.pem, "ES256", headers=typ)}


@pytest.fixture
def gateway() -> Gateway:
    """A gateway."""
    return Gateway()
