"""A client's hand: key pairs, and signed statements about itself, good or forged."""

import json
import uuid
from datetime import datetime
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from support.in_process.tokens import encode

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Algorithm = Literal["ES256", "RS256", "EdDSA"]


class KeyPair:
    """A key of a client's own, made and used by a library that the server does not use."""

    def __init__(self, algorithm: Algorithm = "ES256", *, kid: str | None = None) -> None:
        """Make a key."""
        self.algorithm = algorithm
        self.kid = kid
        self.private: Any = {
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }[algorithm]()

    def public(self, **members: Any) -> dict[str, Any]:
        """Write the public half as a JWK."""
        write: Any = {"ES256": ECAlgorithm, "RS256": RSAAlgorithm, "EdDSA": OKPAlgorithm}
        jwk = write[self.algorithm].to_jwk(self.private.public_key(), as_dict=True)
        kid = {} if self.kid is None else {"kid": self.kid}
        return {name: jwk[name] for name in jwk if name != "key_ops"} | kid | members

    def sign(self, payload: dict[str, Any] | bytes, **header: Any) -> str:
        """Sign a statement; a header set to None is left out."""
        usual = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid}
        kept = {name: value for name, value in {**usual, **header}.items() if value is not None}
        body = payload if isinstance(payload, bytes) else _json(payload).encode()
        signed = f"{encode(_json(kept).encode())}.{encode(body)}"
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        return f"{signed}.{encode(algorithm.sign(signed.encode(), self.private))}"


def jwks(*keys: KeyPair) -> dict[str, Any]:
    """Publish keys."""
    return {"keys": [key.public() for key in keys]}


def statement(client_id: str, audience: str, now: datetime, **changes: Any) -> dict[str, Any]:
    """Write what an assertion says (RFC 7523 §3); a claim set to None is left out."""
    issued = int(now.timestamp())
    usual = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": uuid.uuid4().hex,
        "iat": issued,
        "exp": issued + 60,
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def signed_by(assertion: str) -> dict[str, str]:
    """Write the form parameters that carry an assertion (RFC 7523 §2.2)."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
