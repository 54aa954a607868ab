"""The refresh token grant."""

from auth_server.entitlements.grant import ClientForbidden, resolve_entitlement
from auth_server.errors import InvalidGrant, InvalidScope, InvalidTarget
from auth_server.oauth.resource_parameter import resolve_resource
from auth_server.oauth.token_endpoint.authentication import find_for_id_token
from auth_server.oauth.token_endpoint.forbidden import end_forbidden
from auth_server.oauth.token_endpoint.request import Proven, Refused, TokenRequest
from auth_server.records.audit.store import Audit, record
from auth_server.records.refresh_tokens.store import began_unbound, find_newest_of_family
from auth_server.redemptions.facts import RefreshFacts
from auth_server.redemptions.statements import read_refresh_token
from auth_server.revocations.revoke import end_family
from auth_server.secrets import hash_secret
from auth_server.tokens.refresh_token import read_family, rotate_refresh_token
from gatepost.scopes import (
    BESIDE_RESOURCES,
    OFFLINE_ACCESS,
    MalformedScope,
    narrow_scopes,
    parse_scope,
)


async def redeem_refresh_token(request: TokenRequest) -> Proven | Refused:
    """Rotate a refresh token, and resolve its grant's current entitlement (OAuth 2.1 §4.3).

    The entitlement may be narrower than before, never wider; `scope` narrows only this access token. A
    token that is bound to a key is refused without a proof of that key, and stays as it is (RFC 9449 §5).
    """
    form, now, raw_sql = request.form, request.now, request.database.raw_sql
    token = form.require("refresh_token")
    row = await read_refresh_token(raw_sql, hash_secret(token))
    if row is None and (newest := await _find_newest_of_family(request, token)):
        return await _end(request, newest)
    if row is None or row.client_id != request.client.client_id:
        raise InvalidGrant("the refresh token is unknown, expired or revoked")
    if row.bound_to is not None and row.bound_to != request.refresh_binding:
        raise InvalidGrant("the refresh token is bound to a key; send a DPoP proof of that key")
    resources = form.all("resource")
    if resources and resolve_resource(resources, request.settings).resource != row.resource:
        raise InvalidTarget("the refresh token was issued for another resource")
    granted = parse_scope(row.scope)
    try:
        asked = parse_scope(form.get("scope") or row.scope)
    except MalformedScope as error:
        raise InvalidScope(str(error)) from None
    # As at the authorization endpoint: clients repeat the scope that they asked for there.
    asked = asked - (BESIDE_RESOURCES - granted) or granted
    if narrow_scopes(asked, granted) != asked:
        raise InvalidScope("scope goes beyond the granted scope; request authorization again")
    # A used token, even past its idle time, still goes to the rotation: its reuse revokes the
    # family, which an attacker may be using.
    idle_expired = now >= row.idle_expires_at and row.first_used_at is None
    if row.revoked_at is not None or idle_expired or now >= row.absolute_expires_at:
        raise InvalidGrant("the refresh token is unknown, expired or revoked")
    policy = request.refresh_policy
    # Before any check that can refuse temporarily, because reuse always revokes the family.
    if row.first_used_at is not None and now > row.first_used_at + policy.grace:
        return await _end(request, row)
    try:
        entitlement = resolve_entitlement(
            row.grant,
            client_id=request.client.client_id,
            resource=row.resource,
            scopes=granted,
            now=now,
        )
    except ClientForbidden as error:
        return await end_forbidden(request, row.grant, error)
    scopes = narrow_scopes(asked, entitlement.scopes) - {OFFLINE_ACCESS}
    authentication = await find_for_id_token(request, row.family_id, scopes)
    # A public client that begins to use DPoP binds its refresh tokens from now on.
    bound_to = request.refresh_binding
    successor = await rotate_refresh_token(
        raw_sql, token, row, bound_to=bound_to, policy=policy, now=now
    )
    if successor is None:
        return await _end(request, row)
    return Proven(
        entitlement._replace(scopes=scopes),
        offline=OFFLINE_ACCESS in asked,
        refresh_token=successor,
        family_id=row.family_id,
        authentication=authentication,
    )


async def _find_newest_of_family(request: TokenRequest, token: str) -> RefreshFacts | None:
    """Find the live family of a token of this client whose row is gone, so that it is reused."""
    family_id = read_family(token)
    if family_id is None:
        return None
    async with request.database.reading() as db:
        newest = await find_newest_of_family(db, family_id)
        # Only who has the key of such a family can end it by reuse, as with a token whose row is there.
        always_bound = not await began_unbound(db, family_id)
    if newest is None or newest.client_id != request.client.client_id or newest.revoked_at:
        return None
    row = await read_refresh_token(request.database.raw_sql, newest.token_hash)
    bound_elsewhere = row is not None and row.bound_to not in {None, request.refresh_binding}
    return None if bound_elsewhere and always_bound else row


async def _end(request: TokenRequest, row: RefreshFacts) -> Refused:
    lifetime, now = request.settings.longest_token_lifetime, request.now
    grant = row.grant
    reused = Audit(
        "refresh_token.reused",
        person_id=grant.person_id if grant else "",
        client_id=row.client_id,
        tenant_id=grant.tenant_id if grant else "",
        grant_id=grant.grant_id if grant else "",
    )
    async with request.transaction() as db:
        await end_family(db, row.family_id, lifetime=lifetime, now=now)
        await record(db, reused, now=now)
    return Refused(
        InvalidGrant(
            "the refresh token is unknown, expired or revoked",
            detail="reused after the grace window; family ended",
        )
    )
