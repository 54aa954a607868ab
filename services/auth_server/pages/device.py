"""GET and POST /device: a person types the code that a device of theirs shows."""

import math
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.flow.device_codes import DEVICE_PAGE, list_user_code_macs
from auth_server.flow.pending import CONTINUE
from auth_server.pages.account.frame import Account, lead_back, posted_account, shown_account
from auth_server.records.attempts.store import count_attempt, give_back_attempt
from auth_server.records.authorization_requests.store import add_authorization_request
from auth_server.records.authorization_requests.table import AuthorizationRequest
from auth_server.records.device_authorizations.store import claim_device_authorization
from auth_server.records.device_authorizations.table import DeviceAuthorization
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import read_browser, set_browser
from auth_server.web.dependencies import Clock, Db, KeysInUse, SecretMaker, Settings
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
MOST_WRONG, WINDOW = 10, timedelta(hours=1)
"""How many wrong codes a person may type in which time (RFC 8628 §5.1)."""
Shown = Annotated[Account, Depends(shown_account(DEVICE_PAGE))]
Posted = Annotated[Account, Depends(posted_account(DEVICE_PAGE, "device"))]


@router.get(DEVICE_PAGE)
async def show_device(account: Shown) -> Response:
    """Show the form, always empty: a link can't fill the code in (RFC 8628 §5.4)."""
    return _answer(account)


@router.post(DEVICE_PAGE)
async def take_user_code(
    request: Request,
    form: Form,
    account: Posted,
    db: Db,
    settings: Settings,
    keys: KeysInUse,
    clock: Clock,
    new_secret: SecretMaker,
) -> Response:
    """Find the device's request, and lead the person to the pages on which they answer it.

    From here on nobody else can answer it.
    """
    now, counted_as = clock(), hash_secret(f"device codes of {account.person_id}")
    until = await count_attempt(db, counted_as, most=MOST_WRONG, window=WINDOW, now=now)
    if until is not None:
        minutes = math.ceil((until - now).total_seconds() / 60)
        return _answer(account, problem="too often", minutes=minutes, status=429)
    macs = list_user_code_macs((form.get("code") or "")[:100], keys)
    device = await claim_device_authorization(db, macs, account.person_id, now=now)
    if device is None:
        return _answer(account, problem="wrong", status=400)
    await give_back_attempt(db, counted_as)
    browser, transaction_id = read_browser(request, settings) or new_secret(), new_secret()
    asked = _authorization_request(device, browser, transaction_id, settings, now)
    await add_authorization_request(db, asked)
    response = lead_back(settings.path, f"{CONTINUE}?transaction={transaction_id}")
    set_browser(response, settings, browser)
    return response


def _authorization_request(
    device: DeviceAuthorization,
    browser: str,
    transaction_id: str,
    settings: AuthServerSettings,
    now: datetime,
) -> AuthorizationRequest:
    return AuthorizationRequest(
        transaction_id=transaction_id,
        browser_hash=hash_secret(browser),
        client_id=device.client_id,
        redirect_uri="",
        code_challenge="",
        resource=device.resource,
        scope=device.scope,
        device_code_hash=device.device_code_hash,
        created_at=now,
        expires_at=min(now + settings.transaction_lifetime, device.expires_at),
    )


def _answer(
    account: Account,
    *,
    problem: Literal["wrong", "too often"] | None = None,
    minutes: int = 0,
    status: int = 200,
) -> Response:
    return account.pages.answer(
        "device.html",
        status=status,
        problem=problem,
        minutes=minutes,
        person=account.signed_in.person,
        proof=account.forms.make("device"),
        leave_proof=account.forms.make("sign-out"),
    )
