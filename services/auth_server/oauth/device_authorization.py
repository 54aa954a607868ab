"""POST /device_authorization."""

from datetime import timedelta

from fastapi import Depends, Request
from starlette.responses import JSONResponse, Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.errors import UnauthorizedClient
from auth_server.flow.device_codes import (
    DEVICE_PAGE,
    list_user_code_macs,
    make_user_code,
    show_user_code,
)
from auth_server.oauth.authorize.checks.narrow_scopes import keep_known
from auth_server.oauth.limit_begun import limit_begun
from auth_server.oauth.resource_parameter import resolve_resource
from auth_server.records.device_authorizations.store import add_device_authorization
from auth_server.records.device_authorizations.table import DEVICE_CODE, DeviceAuthorization
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.tokens.refresh_token import name_new_family
from auth_server.web.address import address_of
from auth_server.web.dependencies import (
    Clock,
    KeysInUse,
    SecretMaker,
    Settings,
    Transaction,
)
from auth_server.web.forms import read_form, reject_repeats
from auth_server.web.routing import MachineRouter
from gatepost.scopes import IDENTITY, format_scope

LIFETIME = timedelta(minutes=10)
"""How long a code is valid: a person has to find the page, sign in and read what is asked for."""
INTERVAL_SECONDS = 5
# Scripts of other sites can't read the answers: a page could otherwise let its visitor's own browser ask for
# a code, which then seems to come from a device near them, and show it to them (RFC 8628 §5.4).
router = MachineRouter()


@router.post("/device_authorization", dependencies=[Depends(limit_begun)])
async def begin_device_authorization(
    request: Request,
    transaction: Transaction,
    authenticator: Authenticator,
    settings: Settings,
    keys: KeysInUse,
    clock: Clock,
    new_secret: SecretMaker,
) -> Response:
    """Give a device a code that its person types on a page of this server (RFC 8628 §3.1, §3.2).

    There is no `verification_uri_complete`: a link with the code in it would let somebody send people to
    an approval that they did not begin (§5.4).
    """
    # 1. Parse the form.
    form = await read_form(request)
    reject_repeats(form, except_for=frozenset({"resource"}))
    # 2. Authenticate the client.
    client = await authenticator.authenticate(form, request)
    if DEVICE_CODE not in client.grant_types:
        raise UnauthorizedClient("an operator of this server must allow device codes to the client")
    # 3. Find what is asked for.
    resource = resolve_resource(form.all("resource"), settings)
    # There is no ID token for a device, and so nothing about the person.
    scopes = keep_known(form.get("scope") or "", resource.entry) - IDENTITY
    # 4. Store it under two new codes.
    device_code, user_code, now = new_secret(), make_user_code(new_secret()), clock()
    device = DeviceAuthorization(
        device_code_hash=hash_secret(device_code),
        user_code_mac=list_user_code_macs(user_code, keys)[0],
        family_id=name_new_family(keys.refresh, device_code),
        client_id=client.client_id,
        resource=resource.resource,
        scope=format_scope(scopes),
        address=address_of(request, settings),
        created_at=now,
        expires_at=now + LIFETIME,
        poll_interval=INTERVAL_SECONDS,
        next_poll_at=now,
    )
    async with transaction() as db:
        await add_device_authorization(db, device)
    return _answer(device_code, user_code, settings)


def _answer(device_code: str, user_code: str, settings: AuthServerSettings) -> Response:
    body = {
        "device_code": device_code,
        "user_code": show_user_code(user_code),
        "verification_uri": f"{settings.issuer}{DEVICE_PAGE}",
        "expires_in": int(LIFETIME.total_seconds()),
        "interval": INTERVAL_SECONDS,
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})
