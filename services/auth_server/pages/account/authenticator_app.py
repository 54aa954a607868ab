"""GET and POST /account/security/app, POST /account/security/recovery-codes."""

from typing import Any

import pyotp
import segno
from fastapi import Request
from markupsafe import Markup
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.flow_state import FlowState, Sealer, over
from auth_server.flow.one_time_codes import STEP, match_step, renew_recovery_codes, seal_secret
from auth_server.flow.signed_in import SignedIn
from auth_server.flow.start_session import NewSession
from auth_server.pages.account.frame import Account, Accounts
from auth_server.pages.account.onward import Onward, read_onward
from auth_server.pages.account.security import PAGE, PostedChange, require_recent_sign_in
from auth_server.records.audit.store import Audit, record
from auth_server.records.factor_recoveries.store import drop_recovery
from auth_server.records.second_factors.store import find_authenticator_app, put_authenticator_app
from auth_server.records.second_factors.table import AuthenticatorApp
from auth_server.records.sessions.table import TWO_FACTORS
from auth_server.tenancy.own_provider import forget_break_glass
from auth_server.web.browser import read_browser, set_browser
from auth_server.web.dependencies import Db, ReadingDb, SecretMaker, Settings
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
APP = f"{PAGE}/app"
WAY = "new code app"


@router.get(APP)
async def show_setup(
    request: Request,
    db: ReadingDb,
    accounts: Accounts,
    settings: Settings,
    sealer: Sealer,
    new_secret: SecretMaker,
) -> Response:
    """Show a new secret as a QR code and as text, and ask for its first code."""
    onward = read_onward(read_query(request))
    account = await require_recent_sign_in(accounts, db, onward.on(APP))
    _require_local(account.signed_in)
    browser = read_browser(request, settings) or new_secret()
    flow_state = FlowState(
        way=WAY,
        field="person",
        value=account.person_id,
        nonce="",
        secret=pyotp.random_base32(),
        left_at=int(sealer.now().timestamp()),
    )
    text = sealer.seal(flow_state, browser)
    response = _setup(account, flow_state, text, settings.branding.name, onward=onward)
    set_browser(response, settings, browser)
    return response


@router.post(APP)
async def set_up(
    request: Request,
    form: Form,
    account: PostedChange,
    accounts: Accounts,
    db: Db,
    sealer: Sealer,
    new_session: NewSession,
) -> Response:
    """Store the app after a correct code, and begin a session with two factors."""
    _require_local(account.signed_in)
    settings, now = accounts.settings, accounts.now()
    text, person = form.get("ticket") or "", account.signed_in.person
    flow_state = sealer.unseal(text, read_browser(request, settings))
    if flow_state is None or (flow_state.way, flow_state.value) != (WAY, person.person_id):
        raise over()
    onward = read_onward(form)
    step = match_step(flow_state.secret, form.get("code") or "", now=now, after=0)
    if step is None:
        return _setup(
            account,
            flow_state,
            text,
            settings.branding.name,
            onward=onward,
            wrong=True,
            status=422,
        )
    app = AuthenticatorApp(
        person_id=person.person_id,
        sealed_secret=seal_secret(flow_state.secret, person.person_id, accounts.keys),
        last_step=step,
        created_at=now,
    )
    await put_authenticator_app(db, app)
    codes = await renew_recovery_codes(db, person.person_id, new_session.new_secret)
    added = Audit("second_factor.added", person_id=person.person_id, detail={"factor": "code app"})
    await record(db, added, now=now)
    await drop_recovery(db, person.person_id)
    await forget_break_glass(db, person.person_id, now=now)
    secret, session = await new_session.begin(
        db, person, level=TWO_FACTORS, method="password and code", factor_added_at=now
    )
    renewed = accounts.of(SignedIn(session, person))
    response = _codes(renewed, codes, onward=onward)
    new_session.set_cookie(response, secret)
    return response


@router.post(f"{PAGE}/recovery-codes")
async def renew(account: PostedChange, db: Db, new_secret: SecretMaker) -> Response:
    """Replace the person's recovery codes."""
    if await find_authenticator_app(db, account.person_id) is None:
        raise PageError(
            "You don't have an authenticator app",
            "Recovery codes are a backup for an authenticator app. Set one up first.",
        )
    codes = await renew_recovery_codes(db, account.person_id, new_secret)
    return _codes(account, codes, onward=Onward())


def _require_local(signed_in: SignedIn) -> None:
    if signed_in.person.password_hash is None:
        raise PageError(
            "You sign in through another service",
            "Set up two-step verification there.",
        )


def _setup(
    account: Account,
    flow_state: FlowState,
    text: str,
    name: str | None,
    *,
    onward: Onward,
    wrong: bool = False,
    status: int = 200,
) -> Response:
    uri = pyotp.TOTP(flow_state.secret).provisioning_uri(
        name=account.signed_in.person.known_as, issuer_name=name or "Gatepost"
    )
    picture: Any = segno.make(uri, error="m")
    # The library writes the SVG from numbers only.
    drawing = Markup(picture.svg_inline(scale=5, border=3, omitsize=True))  # noqa: S704
    return account.answer(
        "account/authenticator_app.html",
        section="security",
        status=status,
        drawing=drawing,
        secret=" ".join(
            flow_state.secret[at : at + 4] for at in range(0, len(flow_state.secret), 4)
        ),
        seconds=STEP,
        flow_state=text,
        onward=onward,
        wrong=wrong,
        proof=account.forms.make("security"),
    )


def _codes(account: Account, codes: list[str], *, onward: Onward) -> Response:
    return account.answer(
        "account/recovery_codes.html",
        section="security",
        codes=codes,
        onward=onward,
    )
