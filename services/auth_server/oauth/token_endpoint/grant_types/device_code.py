"""The device code grant (RFC 8628), for programs without a browser."""

from auth_server.entitlements.grant import ClientForbidden, resolve_entitlement
from auth_server.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    InvalidTarget,
    SlowDown,
)
from auth_server.oauth.resource_parameter import resolve_resource
from auth_server.oauth.token_endpoint.forbidden import end_forbidden
from auth_server.oauth.token_endpoint.request import Proven, Refused, TokenRequest
from auth_server.records.audit.store import Audit, record
from auth_server.redemptions.facts import DeviceFacts
from auth_server.redemptions.statements import poll_device_code, read_device_code, redeem_device
from auth_server.revocations.revoke import end_family
from auth_server.secrets import hash_secret
from auth_server.tokens.refresh_token import first_token, make_first_token
from gatepost.scopes import OFFLINE_ACCESS, parse_scope

_SLOWER, _SLOWEST = 5, 60


async def redeem_device_code(request: TokenRequest) -> Proven | Refused:
    """Redeem a device code once its person has approved, for the client it was issued to.

    Until then a poll that comes too early makes the interval longer (§3.5). A second redemption revokes
    the tokens of the first, as with an authorization code.
    """
    form, now, raw_sql = request.form, request.now, request.database.raw_sql
    presented = form.require("device_code")
    code_hash = hash_secret(presented)
    device = await read_device_code(raw_sql, code_hash)
    if device is None or device.client_id != request.client.client_id:
        raise InvalidGrant("the device code is unknown")
    if device.redeemed_at is not None:
        return await _end_what_it_gave(request, device)
    if now >= device.expires_at:
        raise ExpiredToken("the device code has expired; begin again")
    resources = form.all("resource")
    if resources and resolve_resource(resources, request.settings).resource != device.resource:
        raise InvalidTarget("the device code was issued for another resource")
    slower = min(device.poll_interval + _SLOWER, _SLOWEST)
    if not await poll_device_code(raw_sql, code_hash, device.poll_interval, slower=slower, now=now):
        raise SlowDown(f"poll every {slower} seconds at most")
    if device.answered_at is None:
        raise AuthorizationPending("the person has not answered yet")
    if device.grant_id is None:
        raise AccessDenied("the person denied the request")
    return await _redeem(request, device, presented)


async def _redeem(request: TokenRequest, device: DeviceFacts, presented: str) -> Proven | Refused:
    scopes = parse_scope(device.scope)
    try:
        entitlement = resolve_entitlement(
            device.grant,
            client_id=device.client_id,
            resource=device.resource,
            scopes=scopes,
            now=request.now,
        )
    except ClientForbidden as error:
        return await end_forbidden(request, device.grant, error)
    refresh_token, first = None, None
    if "refresh_token" in request.client.grant_types:
        policy = request.refresh_policy
        refresh_token = make_first_token(
            policy.keys, request.new_secret(), code=presented, family_id=device.family_id
        )
        bound_to = request.refresh_binding
        first = first_token(refresh_token, bound_to=bound_to, policy=policy, now=request.now)
    code_hash, raw_sql = hash_secret(presented), request.database.raw_sql
    if not await redeem_device(raw_sql, code_hash, first, now=request.now):
        return await _end_what_it_gave(request, device)
    return Proven(
        entitlement,
        offline=OFFLINE_ACCESS in scopes,
        refresh_token=refresh_token,
        family_id=device.family_id,
    )


async def _end_what_it_gave(request: TokenRequest, device: DeviceFacts) -> Refused:
    lifetime, now = request.settings.longest_token_lifetime, request.now
    replayed = Audit("code.replayed", client_id=device.client_id, grant_id=device.grant_id or "")
    async with request.transaction() as db:
        await end_family(db, device.family_id, lifetime=lifetime, now=now)
        await record(db, replayed, now=now)
    return Refused(InvalidGrant("the device code was already used", detail="replay; family ended"))
