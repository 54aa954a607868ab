"""An authorization server's keys, and valid or forged access tokens."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from joserfc import jws
from joserfc.jwk import ECKey

KEY = ECKey.generate_key("P-256")
OTHER_KEY = ECKey.generate_key("P-256")
KID = "2026-11"
RESOURCE = "http://127.0.0.1:8401/mcp"


def jwks(*keys: tuple[str, ECKey]) -> bytes:
    """Publish keys as a JWK set; the usual one where none is named."""
    return orjson.dumps(
        {
            "keys": [
                {**key.as_dict(private=False), "use": "sig", "alg": "ES256", "kid": kid}
                for kid, key in (keys or ((KID, KEY),))
            ]
        }
    )


def claims(now: datetime, **changes: Any) -> dict[str, Any]:
    """Write the claims of Ada at Acme, with changes; a claim changed to None is left out."""
    issued = int(now.timestamp())
    usual = {
        "iss": "http://127.0.0.1:8400",
        "aud": RESOURCE,
        "sub": "usr_ada",
        "client_id": "client_claude",
        "jti": "jti_1",
        "iat": issued,
        "exp": issued + 600,
        "scope": "mcp:read mcp:write",
        "tenant_id": "org_acme",
        "allowed_tools": ["@read", "@write"],
        "data_scope": "team:engineering",
        "rate_limit_tier": "pro",
        "grant_id": "grant_1",
        "grant_version": 1,
        "env": "live",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def sign(
    payload: Mapping[str, Any] | bytes,
    *,
    key: ECKey = KEY,
    header: Mapping[str, Any] | None = None,
) -> str:
    """Sign a payload as an access token, under another header where one is given."""
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    usual = {"alg": "ES256", "typ": "at+jwt", "kid": KID}
    protected = {name: value for name, value in {**usual, **(header or {})}.items() if value}
    # Built by hand, because a library would refuse to sign an attacker's header.
    signed = f"{encode(orjson.dumps(protected))}.{encode(body)}"
    signature = jws.JWSRegistry(algorithms=["ES256"]).get_alg("ES256").sign(signed.encode(), key)
    return f"{signed}.{encode(signature)}"


def encode(data: bytes) -> str:
    """Write base64url without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
