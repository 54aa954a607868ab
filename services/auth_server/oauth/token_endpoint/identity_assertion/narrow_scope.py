"""Narrow the scope to what both the assertion and the request name."""

from dataclasses import replace

from auth_server.errors import InvalidScope
from auth_server.oauth.token_endpoint.identity_assertion.assertion import (
    CheckedAssertion,
    refused,
)
from auth_server.oauth.token_endpoint.request import TokenRequest
from gatepost.scopes import BESIDE_RESOURCES, MalformedScope, narrow_scopes, parse_scope


async def narrow_scope(checked: CheckedAssertion, request: TokenRequest) -> CheckedAssertion:
    """Keep the scopes that both name, or those of the only one that names any (§7.2.1).

    An assertion whose scopes are all of something else, such as `openid`, allows nothing here.

    Raises:
        InvalidGrant: the claim is not a scope of this resource.
        InvalidScope: the parameter is not one, or nothing is left.
    """
    resource, claimed = checked.known_resource().entry, checked.claims.get("scope", "")
    known = frozenset(resource.scopes)
    if not isinstance(claimed, str):
        raise refused("scope must be a string")
    try:
        allowed = parse_scope(claimed) - BESIDE_RESOURCES
    except MalformedScope as error:
        raise refused(str(error)) from None
    if not allowed <= known:
        raise refused(f"scope must be of {' '.join(sorted(known))}")
    try:
        asked = parse_scope(request.form.get("scope") or "") - BESIDE_RESOURCES
    except MalformedScope as error:
        raise InvalidScope(str(error)) from None
    if not asked <= known:
        raise InvalidScope(f"this resource has the scopes {' '.join(sorted(known))}")
    if "scope" not in checked.claims:
        scopes = asked or frozenset(resource.default_scopes)
    else:
        scopes = narrow_scopes(asked, allowed) if asked else allowed
    if not scopes:
        raise InvalidScope("the assertion does not allow the requested scope")
    return replace(checked, scopes=scopes)
