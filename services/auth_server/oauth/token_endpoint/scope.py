"""The `scope` parameter where a client asks for less than it could have."""

from auth_server.errors import InvalidScope
from gatepost.scopes import MalformedScope, narrow_scopes, parse_scope


def narrow_to(asked: str | None, ceiling: frozenset[str]) -> frozenset[str]:
    """Answer the asked scopes, or the whole ceiling where none are (RFC 6749 §3.3).

    Raises:
        InvalidScope: malformed, or beyond the ceiling.
    """
    try:
        scopes = parse_scope(asked or "")
    except MalformedScope as error:
        raise InvalidScope(str(error)) from None
    if narrow_scopes(scopes, ceiling) != scopes:
        raise InvalidScope("scope goes beyond what this client may have")
    return scopes or ceiling
