"""API keys as subject tokens: a gateway exchanges a key that it received for an access token."""

from auth_server.db.engine import DbSession
from auth_server.entitlements.api_key import resolve_api_key
from auth_server.errors import InvalidGrant, InvalidRequest, InvalidTarget, UnauthorizedClient
from auth_server.oauth.resource_parameter import resolve_resource
from auth_server.oauth.token_endpoint.request import Proven, Refused, TokenRequest
from auth_server.oauth.token_endpoint.scope import narrow_to
from auth_server.records.api_keys.store import find_api_key, note_use
from auth_server.records.audit.store import Audit, record
from auth_server.secrets import hash_secret
from auth_server.settings import ResourceAddress
from gatepost.api_keys import ACCESS_TOKEN_TYPE, MalformedApiKey, parse_api_key


async def exchange_api_key(request: TokenRequest) -> Proven | Refused:
    """Exchange an API key for a token of its person, for the gateway of its resource.

    The token is for that resource, or for the address of the key's tenant there.

    Every invalid key gets the same `invalid_grant`. RFC 8693 §2.2.2 specifies `invalid_request`,
    which a gateway could not tell from its own mistakes.
    """
    async with request.transaction() as db:
        return await _exchange(request, db)


async def _exchange(request: TokenRequest, db: DbSession) -> Proven | Refused:
    form, now, gateway = request.form, request.now, request.client
    if gateway.source != "gateway":
        raise UnauthorizedClient("only gateways can exchange API keys")
    address = _find_own_address(request)
    if form.get("actor_token") is not None or form.get("actor_token_type") is not None:
        raise InvalidRequest("a gateway uses an API key itself; leave out actor_token")
    refused = InvalidGrant("the API key is unknown, expired or revoked")
    try:
        key = parse_api_key(form.require("subject_token"))
    except MalformedApiKey as error:
        raise InvalidGrant(refused.description, detail=str(error)) from None
    row = await find_api_key(db, hash_secret(key.text))
    if row is None or row.env != key.env:
        raise refused
    # Not in the audit trail: whoever has one key could make up addresses without end.
    if address.tenant_id not in (None, row.tenant_id):
        raise InvalidGrant(refused.description, detail="the key is for another tenant")
    try:
        # For any other gateway, the key is unknown, so that a gateway can't probe others' keys.
        if row.resource != gateway.client_id:
            raise InvalidGrant(refused.description, detail="the key is for another resource")
        entitlement = await resolve_api_key(db, row, client_id=gateway.client_id, now=now)
    except InvalidGrant as error:
        await record(
            db,
            Audit(
                "api_key.exchange_refused",
                person_id=row.person_id,
                client_id=gateway.client_id,
                tenant_id=row.tenant_id,
                grant_id=row.key_id,
                detail={"reason": error.detail},
            ),
            now=now,
        )
        return Refused(error)
    scopes = narrow_to(form.get("scope"), entitlement.scopes)
    await note_use(db, row.key_id, now=now)
    return Proven(
        entitlement._replace(scopes=scopes, resource=address.resource),
        offline=False,
        refresh_token=None,
        family_id=row.key_id,
        issued_token_type=ACCESS_TOKEN_TYPE,
    )


def _find_own_address(request: TokenRequest) -> ResourceAddress:
    """Find the gateway's resource, or the organisation's address at which it received the key."""
    own = request.client.client_id
    asked = (*request.form.all("resource"), *request.form.all("audience")) or (own,)
    address = resolve_resource(asked, request.settings)
    if address.entry.resource != own:
        raise InvalidTarget("a gateway gets tokens only for its own resource")
    return address
