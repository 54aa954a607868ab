"""DPoP proofs: a client signs each request with the key to which its tokens are bound (RFC 9449 §4).

`verify_proof` follows the list of §4.3. The caller compares the thumbprint with the token, requires a
nonce if it has sent one, and sees to it that no proof is used twice.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

ALGORITHMS = ("ES256", "EdDSA", "Ed25519")
"""What a proof may be signed with. Both kinds of keys are short, and so are the proofs."""
LONGEST = 4096
"""Bytes of a proof."""
WINDOW = 300
"""Seconds that `iat` may lie in the past or in the future."""
HEADER = "dpop"

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_COORDINATE = re.compile(r"[A-Za-z0-9_-]{43}")
_URL = re.compile(r"[!-~]+")
_UNRESERVED = re.compile(r"%[0-9A-Fa-f]{2}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class InvalidProof(Exception):
    """The proof is not valid; the message says why and how to correct it, and is safe in a header."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A valid proof of possession.

    `id` is the same only for the same proof. It is a hash, so that the length of `jti` does not matter to
    whoever remembers it until `expires_at`, in Unix seconds (§11.1).
    """

    thumbprint: str
    id: str
    expires_at: int
    nonce: str | None


_PublicKey = EllipticCurvePublicKey | Ed25519PublicKey


def verify_proof(
    text: bytes, *, method: str, url: str, now: float, access_token: bytes | None = None
) -> Proof:
    """Verify a proof for one request (§4.3).

    Args:
        text: the value of the header `DPoP`.
        method: the request's method.
        url: the configured URL of the endpoint, never one that the request names.
        now: Unix seconds.
        access_token: the token that comes with the request, whose hash the proof must contain.

    Raises:
        InvalidProof: the proof is malformed, or for another request, time or token.
    """
    if len(text) > LONGEST:
        raise InvalidProof(f"the DPoP proof is longer than {LONGEST} bytes")
    header, _, rest = text.partition(b".")
    payload, _, signature = rest.partition(b".")
    key, thumbprint = _read_header(header)
    claims = _read_object(payload, "payload")
    jti, issued = claims.get("jti"), claims.get("iat")
    if not isinstance(jti, str) or not jti:
        raise InvalidProof("jti is missing in the DPoP proof; use a random string")
    if claims.get("htm") != method:
        raise InvalidProof(f"htm in the DPoP proof is not {method}")
    htu = claims.get("htu")
    if not isinstance(htu, str) or (htu != url and not match_url(htu, url)):
        raise InvalidProof(f"htu in the DPoP proof is not {url}")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise InvalidProof("iat in the DPoP proof is missing or not a number")
    if not now - WINDOW <= issued <= now + WINDOW:
        raise InvalidProof(
            f"iat in the DPoP proof is more than {WINDOW} seconds from the time here"
        )
    if access_token is not None and claims.get("ath") != _hash(access_token):
        raise InvalidProof("ath in the DPoP proof is not the hash of the access token")
    nonce = claims.get("nonce")
    if not (nonce is None or isinstance(nonce, str)):
        raise InvalidProof("nonce in the DPoP proof is not a string")
    _require_signature(key, b"%b.%b" % (header, payload), _decode(signature, "signature"))
    unique = hashlib.sha256(f"{thumbprint}.{jti}".encode()).hexdigest()
    return Proof(thumbprint, unique, int(issued) + WINDOW + 1, nonce)


def match_url(htu: str, url: str) -> bool:
    """Tell whether two URLs are the same, whatever their queries and fragments (§4.3, RFC 3986 §6.2)."""
    try:
        return _normalise(htu) == _normalise(url)
    except ValueError:
        return False


def _normalise(url: str) -> tuple[str, str, int | None, str]:
    # `urlsplit` drops some characters that no URL has, and some hosts in lower case are other hosts.
    if not _URL.fullmatch(url):
        raise ValueError("not a URL")
    parts = urlsplit(url)
    if parts.username is not None or not parts.hostname:
        raise ValueError("not the URL of an endpoint")
    port = _DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port
    # Only escapes of unreserved characters mean the same as the characters (RFC 3986 §6.2.2.2).
    path = _UNRESERVED.sub(_unescape, parts.path)
    segments: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    return parts.scheme, parts.hostname, port, "/".join(segments).removesuffix("/")


def _unescape(escape: re.Match[str]) -> str:
    character = unquote(escape[0], encoding="latin-1")
    plain = character.isascii() and (character.isalnum() or character in "-._~")
    return character if plain else escape[0].upper()


# A client sends the same header each time, and importing a key costs as much as a signature.
@lru_cache(maxsize=2048)
def _read_header(segment: bytes) -> tuple[_PublicKey, str]:
    header = _read_object(segment, "header")
    if header.get("typ") != "dpop+jwt":
        raise InvalidProof("typ in the header of the DPoP proof is not dpop+jwt")
    if header.get("alg") not in ALGORITHMS:
        raise InvalidProof(f"the DPoP proof must be signed with {', '.join(ALGORITHMS)}")
    if "crit" in header or "b64" in header:
        raise InvalidProof("the header of the DPoP proof has an extension that is not supported")
    jwk = header.get("jwk")
    if not isinstance(jwk, dict):
        raise InvalidProof("jwk is missing in the header of the DPoP proof")
    if not _PRIVATE.isdisjoint(jwk):
        raise InvalidProof("jwk in the DPoP proof contains a private key; send only the public key")
    kind = (jwk.get("kty"), jwk.get("crv"))
    if header["alg"] == "ES256" and kind == ("EC", "P-256"):
        names: tuple[str, ...] = ("x", "y")
    elif header["alg"] != "ES256" and kind == ("OKP", "Ed25519"):
        names = ("x",)
    else:
        raise InvalidProof("jwk in the DPoP proof is not a key for its alg")
    numbers: dict[str, Any] = {name: jwk.get(name) for name in names}
    if not all(isinstance(text, str) and _COORDINATE.fullmatch(text) for text in numbers.values()):
        raise InvalidProof("jwk in the DPoP proof is malformed")
    raw = {name: _decode(str(text).encode(), "jwk") for name, text in numbers.items()}
    # RFC 7638 §3.2: the required members in the order of their names.
    named = {"crv": kind[1], "kty": kind[0], **numbers}
    thumbprint = _hash(orjson.dumps(named, option=orjson.OPT_SORT_KEYS))
    try:
        if names == ("x",):
            return Ed25519PublicKey.from_public_bytes(raw["x"]), thumbprint
        x, y = (int.from_bytes(raw[name], "big") for name in names)
        return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key(), thumbprint
    except ValueError:
        raise InvalidProof("jwk in the DPoP proof is not a valid public key") from None


def _require_signature(key: _PublicKey, signed: bytes, signature: bytes) -> None:
    if len(signature) != 64:
        raise InvalidProof("the signature of the DPoP proof is wrong")
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, signed)
            return
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        key.verify(encode_dss_signature(r, s), signed, ECDSA(SHA256()))
    except InvalidSignature:
        raise InvalidProof("the signature of the DPoP proof is wrong") from None


def _read_object(segment: bytes, name: str) -> Mapping[str, Any]:
    try:
        value = orjson.loads(_decode(segment, name))
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise InvalidProof(f"the {name} of the DPoP proof is not a JSON object")
    return value


def _decode(segment: bytes, name: str) -> bytes:
    try:
        return base64.b64decode(segment + b"=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidProof(f"the {name} of the DPoP proof is not base64url") from None


def _hash(value: bytes) -> str:
    digest = hashlib.sha256(value).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
