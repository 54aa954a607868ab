"""Narrow the requested scopes to those of the resource."""

from dataclasses import replace

from auth_server.errors import InvalidScope
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from gatepost.scopes import BESIDE_RESOURCES, OFFLINE_ACCESS, MalformedScope, parse_scope


async def narrow_scopes(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Keep the requested scopes that the resource has, or its default scopes if none is requested.

    A step-up requests scopes that the client never registered, so the registration's `scope` is not
    a limit (MCP 2026-07-28, authorization, Step-Up Authorization Flow).
    """
    resource = context.settings.find_resource(request.resource)
    if resource is None:
        raise LookupError("resolve_resource must come first in CHECKS")
    try:
        asked = parse_scope(request.parameters.get("scope") or "")
    except MalformedScope as error:
        raise InvalidScope(str(error)) from None
    scopes = asked & frozenset(resource.scopes)
    if not scopes:
        if asked - BESIDE_RESOURCES:
            raise InvalidScope(f"this resource has the scopes {' '.join(sorted(resource.scopes))}")
        scopes = frozenset(resource.default_scopes)
    return replace(request, scopes=scopes | (asked & {OFFLINE_ACCESS}))
