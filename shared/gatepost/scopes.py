"""The scope grammar and the hierarchy `mcp:admin` ⊃ `mcp:write` ⊃ `mcp:read`.

A scope value is a space-separated list of scope tokens (RFC 6749 §3.3). Order carries no meaning;
functions return sorted scopes, so that equal sets are equal strings.
"""

import re
from collections.abc import Collection, Iterable

READ = "mcp:read"
WRITE = "mcp:write"
ADMIN = "mcp:admin"
OFFLINE_ACCESS = "offline_access"
OPENID = "openid"
PROFILE = "profile"
EMAIL = "email"
IDENTITY = frozenset({OPENID, PROFILE, EMAIL})
"""Scopes for an ID token and for claims about the person (OpenID Connect Core §5.4)."""
BESIDE_RESOURCES = IDENTITY | {OFFLINE_ACCESS}
"""Scopes for a refresh token or an identity, which do not concern a resource."""
# The authorization server's scope for a gateway's catalogue; clients never get it.
CATALOGUE = "gatepost:catalogue"
# The scope of the playground, which sees what each step of a call decided; clients never get it.
TRACE = "gatepost:trace"

_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749 §3.3 scope-token
_IMPLIES = {ADMIN: frozenset({WRITE, READ}), WRITE: frozenset({READ})}


class MalformedScope(ValueError):
    """The text is not a list of RFC 6749 scope tokens."""


def parse_scope(text: str) -> frozenset[str]:
    """Read a scope value; an empty or blank text is the empty set.

    Raises:
        MalformedScope: a token contains a character that RFC 6749 §3.3 forbids.
    """
    tokens = text.split(" ")
    for token in tokens:
        if token and not _TOKEN.fullmatch(token):
            raise MalformedScope("scope contains a character that RFC 6749 section 3.3 forbids")
    return frozenset(token for token in tokens if token)


def format_scope(scopes: Iterable[str]) -> str:
    """Write scopes as one scope value, sorted and without repeats."""
    return " ".join(sorted(set(scopes)))


def expand_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Add every scope that the given ones imply."""
    held = set(scopes)
    for scope in scopes:
        held |= _IMPLIES.get(scope, frozenset())
    return frozenset(held)


def covers(granted: Collection[str], required: str) -> bool:
    """Return whether the granted scopes include or imply a required one (MCP, Step-Up flow)."""
    return required in granted or required in expand_scopes(frozenset(granted))


def narrow_scopes(asked: Iterable[str], ceiling: Iterable[str]) -> frozenset[str]:
    """Narrow the requested scopes to the ceiling; implied scopes count on both sides.

    For example, `mcp:write` under a ceiling of `mcp:read` becomes `mcp:read`.
    """
    asked = frozenset(asked)
    common = expand_scopes(asked) & expand_scopes(frozenset(ceiling))
    implied = frozenset[str]().union(*(_IMPLIES.get(scope, frozenset()) for scope in common))
    return frozenset(scope for scope in common if scope in asked or scope not in implied)
