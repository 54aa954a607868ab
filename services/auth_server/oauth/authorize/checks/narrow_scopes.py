"""Narrow the requested scopes to those of the resource."""

from dataclasses import replace

from auth_server.errors import InvalidScope
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from auth_server.settings import ResourceSettings
from gatepost.scopes import (
    BESIDE_RESOURCES,
    OFFLINE_ACCESS,
    OPENID,
    MalformedScope,
    parse_scope,
)


async def narrow_scopes(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Keep the requested scopes that the resource has, or its default scopes if none is requested.

    A step-up requests scopes that the client never registered, so the registration's `scope` is not
    a limit (MCP 2026-07-28, authorization, Step-Up Authorization Flow). Without `openid`, `profile`
    and `email` mean nothing (OpenID Connect Core §3.1.2.1).
    """
    address = context.settings.find_address(request.resource)
    if address is None:
        raise LookupError("resolve_resource must come first in CHECKS")
    asked = request.parameters.get("scope") or ""
    return replace(request, scopes=keep_known(asked, address.entry))


def keep_known(scope: str, resource: ResourceSettings) -> frozenset[str]:
    """Return the scopes of a request that a resource has, or its default scopes if none is requested.

    Raises:
        InvalidScope: the scope is malformed, or the resource has none of it.
    """
    try:
        asked = parse_scope(scope)
    except MalformedScope as error:
        raise InvalidScope(str(error)) from None
    scopes = asked & frozenset(resource.scopes)
    if not scopes:
        if asked - BESIDE_RESOURCES:
            raise InvalidScope(f"this resource has the scopes {' '.join(sorted(resource.scopes))}")
        scopes = frozenset(resource.default_scopes)
    beside = BESIDE_RESOURCES if OPENID in asked else {OFFLINE_ACCESS}
    return scopes | (asked & beside)
