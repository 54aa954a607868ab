"""A client's hand that signs DPoP proofs, good or forged (RFC 9449 §4.2)."""

import hashlib
import json
import uuid
from datetime import datetime
from typing import Any

from support.in_process.assertions import Algorithm, KeyPair
from support.in_process.tokens import encode

TOKEN_URL = "http://127.0.0.1:8400/token"
MCP_URL = "http://127.0.0.1:8401/mcp"


class DpopKey:
    """A key of a client, for proofs."""

    def __init__(self, algorithm: Algorithm = "ES256") -> None:
        """Make a key."""
        self.pair = KeyPair(algorithm)

    @property
    def thumbprint(self) -> str:
        """The thumbprint of the public key (RFC 7638 §3)."""
        names = ("crv", "kty", "x", "y") if self.pair.algorithm == "ES256" else ("crv", "kty", "x")
        jwk = self.pair.public()
        members = json.dumps({name: jwk[name] for name in names}, separators=(",", ":"))
        return encode(hashlib.sha256(members.encode()).digest())

    def prove(
        self,
        now: datetime,
        url: str = TOKEN_URL,
        *,
        token: str | None = None,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Sign a proof for one POST; a claim or header member set to None is left out."""
        usual = {
            "jti": uuid.uuid4().hex,
            "htm": "POST",
            "htu": url,
            "iat": int(now.timestamp()),
            "ath": None if token is None else encode(hashlib.sha256(token.encode()).digest()),
        }
        payload = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        shown = {"typ": "dpop+jwt", "jwk": self.pair.public(), **(header or {})}
        return self.pair.sign(payload, **shown)
