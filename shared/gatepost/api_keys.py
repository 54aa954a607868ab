"""API keys: `mcp_live_` or `mcp_test_`, 32 random bytes, a checksum.

A gateway recognises a key by its format and exchanges it at the token endpoint (RFC 8693); only the
authorization server knows whether it is valid. A key has only letters, digits and underscores, so
that a double click selects it and repository scanners find it.
"""

import hashlib
import string
import zlib
from dataclasses import dataclass, field
from typing import Literal

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - RFC 8693 §2.1
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - RFC 8693 §3
API_KEY_TYPE = "urn:gatepost:params:oauth:token-type:api-key"
"""`subject_token_type` of an API key. RFC 8693 §3 allows any URI for other token types."""

Env = Literal["live", "test"]

_PREFIXES: dict[str, Env] = {"mcp_live_": "live", "mcp_test_": "test"}
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_BYTES = 32
_BODY = 43  # 62**43 > 2**256
_CHECKSUM = 6  # 62**6 > 2**32
_LENGTH = len("mcp_live_") + _BODY + _CHECKSUM


class MalformedApiKey(ValueError):
    """The text is not a complete, unchanged API key. The message never repeats the text."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A well-formed key, which may not exist."""

    text: str = field(repr=False)
    env: Env

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that identify the key in logs and lists without revealing it."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def make_api_key(env: Env, random: bytes) -> ApiKey:
    """Write a key.

    Args:
        env: `live` or `test`.
        random: 32 unpredictable bytes.
    """
    if len(random) != _RANDOM_BYTES:
        raise ValueError(f"an API key needs {_RANDOM_BYTES} random bytes")
    body = f"mcp_{env}_{_encode(int.from_bytes(random, 'big'), _BODY)}"
    return ApiKey(f"{body}{_checksum(body)}", env)


def looks_like_api_key(text: str) -> bool:
    """Return whether a bearer token has the prefix of an API key."""
    return text.startswith(tuple(_PREFIXES))


def parse_api_key(text: str) -> ApiKey:
    """Read a key strictly: exact length, allowed characters and a correct checksum.

    This refuses a cut, extended or mistyped key without a lookup.

    Raises:
        MalformedApiKey: it is not a key.
    """
    env = next((env for prefix, env in _PREFIXES.items() if text.startswith(prefix)), None)
    body, checksum = text[:-_CHECKSUM], text[-_CHECKSUM:]
    random = body.removeprefix(f"mcp_{env}_")
    if env is None or len(text) != _LENGTH or not set(random) <= set(_DIGITS):
        raise MalformedApiKey("not an API key")
    if _checksum(body) != checksum or _decode(random) >= 1 << (8 * _RANDOM_BYTES):
        raise MalformedApiKey("the API key is cut, extended or changed")
    return ApiKey(text, env)


def _checksum(body: str) -> str:
    return _encode(zlib.crc32(body.encode()), _CHECKSUM)


def _encode(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits


def _decode(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number * 62 + _DIGITS.index(digit)
    return number
