"""Narrow an entitlement to the `scope` parameter."""

from auth_server.errors import InvalidScope
from gatepost.scopes import MalformedScope, narrow_scopes, parse_scope


def narrow_to(asked: str | None, ceiling: frozenset[str]) -> frozenset[str]:
    """Return the requested scopes, or the whole ceiling if none are requested (RFC 6749 §3.3).

    Raises:
        InvalidScope: the scope is malformed or goes beyond the ceiling.
    """
    try:
        scopes = parse_scope(asked or "")
    except MalformedScope as error:
        raise InvalidScope(str(error)) from None
    if narrow_scopes(scopes, ceiling) != scopes:
        raise InvalidScope("scope goes beyond what this client may have")
    return scopes or ceiling
