"""Scopes are what the resource offers, never what a client wrote in its own registration."""

from dataclasses import replace

from auth_server.errors import InvalidScope
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from gatepost.scopes import OFFLINE_ACCESS, MalformedScope, parse_scope

# What asks for an identity or a longer stay, not for anything on the resource.
_BESIDES = frozenset({OFFLINE_ACCESS, "openid", "profile", "email"})


async def narrow_scopes(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Keep of the asked scopes those that the resource has; its default where none is asked.

    A step-up asks for scopes the client never registered, so the registration's `scope` is no
    ceiling (MCP 2026-07-28, authorization, Step-Up Authorization Flow).
    """
    resource = context.settings.find_resource(request.resource)
    if resource is None:
        raise LookupError("resolve_resource comes first in CHECKS")
    try:
        asked = parse_scope(request.parameters.get("scope") or "")
    except MalformedScope as error:
        raise InvalidScope(str(error)) from None
    scopes = asked & frozenset(resource.scopes)
    if not scopes:
        if asked - _BESIDES:
            raise InvalidScope(f"this resource offers {' '.join(sorted(resource.scopes))}")
        scopes = frozenset(resource.default_scopes)
    return replace(request, scopes=scopes | (asked & {OFFLINE_ACCESS}))
