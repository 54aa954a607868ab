"""The refresh token grant."""

from dataclasses import replace

from auth_server.errors import InvalidGrant, InvalidScope, InvalidTarget
from auth_server.refresh_tokens.store import find_refresh_token
from auth_server.secrets import hash_secret
from auth_server.token.request import Proven, Refused, TokenRequest
from auth_server.tokens.entitlement import resolve_entitlement
from auth_server.tokens.refresh_token import Reused, rotate_refresh_token
from auth_server.tokens.resource import resolve_resource
from gatepost.scopes import OFFLINE_ACCESS, MalformedScope, narrow_scopes, parse_scope


async def redeem_refresh_token(request: TokenRequest) -> Proven | Refused:
    """Rotate a refresh token, and read again what its grant is worth (OAuth 2.1 §4.3).

    The answer may be narrower than before, never wider; `scope` narrows this access token alone.
    """
    form, db, now = request.form, request.db, request.now
    token = form.require("refresh_token")
    row = await find_refresh_token(db, hash_secret(token))
    if row is None or row.client_id != request.client.client_id:
        raise InvalidGrant("the refresh token is unknown, expired or revoked")
    resources = form.all("resource")
    if resources and resolve_resource(resources, request.opened.settings).resource != row.resource:
        raise InvalidTarget("the refresh token was issued for another resource")
    granted = parse_scope(row.scope)
    try:
        asked = parse_scope(form.get("scope") or row.scope)
    except MalformedScope as error:
        raise InvalidScope(str(error)) from None
    if narrow_scopes(asked, granted) != asked:
        raise InvalidScope("scope goes beyond what was granted; ask for authorization again")
    if row.revoked_at is not None or now >= min(row.idle_expires_at, row.absolute_expires_at):
        raise InvalidGrant("the refresh token is unknown, expired or revoked")
    entitlement = await resolve_entitlement(
        db,
        grant_id=row.grant_id,
        client_id=request.client.client_id,
        resource=row.resource,
        scopes=granted,
    )
    rotation = await rotate_refresh_token(db, token, policy=request.refresh_policy, now=now)
    if isinstance(rotation, Reused):
        return Refused(
            InvalidGrant(
                "the refresh token is unknown, expired or revoked",
                detail="reused after the grace window; family ended",
            )
        )
    return Proven(
        replace(entitlement, scopes=narrow_scopes(asked, entitlement.scopes) - {OFFLINE_ACCESS}),
        offline=OFFLINE_ACCESS in asked,
        refresh_token=rotation.successor,
    )
