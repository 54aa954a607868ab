"""The scope grammar and the hierarchy `mcp:admin` ⊃ `mcp:write` ⊃ `mcp:read`.

A scope value is a space-separated list of scope tokens (RFC 6749 §3.3). Order carries no meaning;
everything here answers in sorted order so that equal sets are equal strings.
"""

import re
from collections.abc import Collection, Iterable

READ = "mcp:read"
WRITE = "mcp:write"
ADMIN = "mcp:admin"
OFFLINE_ACCESS = "offline_access"
# What the authorization server asks of a gateway's catalogue route; never granted to a client.
CATALOGUE = "gatepost:catalogue"

_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749 §3.3 scope-token
_IMPLIES = {ADMIN: frozenset({WRITE, READ}), WRITE: frozenset({READ})}


class MalformedScope(ValueError):
    """The text is not a list of RFC 6749 scope tokens."""


def parse_scope(text: str) -> frozenset[str]:
    """Read a scope value; an empty or blank text is the empty set.

    Raises:
        MalformedScope: a token holds a character RFC 6749 §3.3 forbids.
    """
    tokens = text.split(" ")
    for token in tokens:
        if token and not _TOKEN.fullmatch(token):
            raise MalformedScope("scope holds a character that RFC 6749 section 3.3 forbids")
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
    """Tell whether the granted scopes suffice where one scope is required (MCP, Step-Up flow)."""
    return required in granted or required in expand_scopes(frozenset(granted))


def narrow_scopes(asked: Iterable[str], ceiling: Iterable[str]) -> frozenset[str]:
    """Keep of the asked scopes what the ceiling covers, hierarchy included on both sides.

    Of `mcp:write` under a ceiling of `mcp:read`, `mcp:read` is left.
    """
    asked = frozenset(asked)
    common = expand_scopes(asked) & expand_scopes(frozenset(ceiling))
    implied = frozenset[str]().union(*(_IMPLIES.get(scope, frozenset()) for scope in common))
    return frozenset(scope for scope in common if scope in asked or scope not in implied)
