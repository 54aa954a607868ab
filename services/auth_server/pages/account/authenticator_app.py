"""GET and POST /account/security/app, POST /account/security/recovery-codes."""

from typing import Any

import pyotp
import segno
from fastapi import Request
from markupsafe import Markup
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.flow_state import FlowState, over, seal_flow_state, unseal_flow_state
from auth_server.flow.one_time_codes import STEP, match_step, renew_recovery_codes, seal_secret
from auth_server.flow.signed_in import SignedIn
from auth_server.flow.start_session import begin_session
from auth_server.pages.account.frame import account_proof, answer_account
from auth_server.pages.account.security import PAGE, require_change, require_recent_sign_in
from auth_server.records.audit.store import Audit, record
from auth_server.records.second_factors.store import find_authenticator_app, put_authenticator_app
from auth_server.records.second_factors.table import AuthenticatorApp
from auth_server.records.sessions.table import TWO_FACTORS
from auth_server.runtime import Runtime
from auth_server.web.browser import read_browser, set_browser, set_session
from auth_server.web.dependencies import Db, Opened, ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
APP = f"{PAGE}/app"
WAY = "new code app"


@router.get(APP)
async def show_setup(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Show a new secret as a picture and as text, and ask for its first code."""
    signed_in = await require_recent_sign_in(request, db, opened)
    _require_local(signed_in)
    browser = read_browser(request, opened.settings) or opened.new_secret()
    flow_state = FlowState(
        way=WAY,
        field="person",
        value=signed_in.person.person_id,
        nonce="",
        secret=pyotp.random_base32(),
        left_at=int(opened.now().timestamp()),
    )
    transaction = read_query(request).get("transaction") or ""
    text = seal_flow_state(flow_state, browser, opened)
    response = _setup(signed_in, flow_state, text, opened, transaction=transaction)
    set_browser(response, opened.settings, browser)
    return response


@router.post(APP)
async def set_up(request: Request, db: Db, opened: Opened, form: Form) -> Response:
    """Keep the app once it has shown a right code, and begin a session that counts it."""
    signed_in = await require_change(request, form, db, opened)
    _require_local(signed_in)
    text, person = form.get("ticket") or "", signed_in.person
    flow_state = unseal_flow_state(text, read_browser(request, opened.settings), opened)
    if flow_state is None or (flow_state.way, flow_state.value) != (WAY, person.person_id):
        raise over()
    transaction = form.get("transaction") or ""
    step = match_step(flow_state.secret, form.get("code") or "", now=opened.now(), after=0)
    if step is None:
        return _setup(
            signed_in, flow_state, text, opened, transaction=transaction, wrong=True, status=422
        )
    app = AuthenticatorApp(
        person_id=person.person_id,
        sealed_secret=seal_secret(flow_state.secret, person.person_id, opened),
        last_step=step,
        created_at=opened.now(),
    )
    await put_authenticator_app(db, app)
    codes = await renew_recovery_codes(db, person.person_id, opened)
    added = Audit("second_factor.added", person_id=person.person_id, detail={"factor": "code app"})
    await record(db, added, now=opened.now())
    secret, session = await begin_session(
        request, person, db, opened, level=TWO_FACTORS, method="password and code"
    )
    renewed = SignedIn(session, person)
    response = _codes(renewed, codes, opened, transaction=transaction)
    set_session(response, opened.settings, secret, opened.settings.session_absolute_lifetime)
    return response


@router.post(f"{PAGE}/recovery-codes")
async def renew(request: Request, db: Db, opened: Opened, form: Form) -> Response:
    """Make new recovery codes; those from before are over."""
    signed_in = await require_change(request, form, db, opened)
    if await find_authenticator_app(db, signed_in.person.person_id) is None:
        raise PageError(
            "You don't have an authenticator app",
            "Recovery codes are a backup for an authenticator app. Set one up first.",
        )
    codes = await renew_recovery_codes(db, signed_in.person.person_id, opened)
    return _codes(signed_in, codes, opened)


def _require_local(signed_in: SignedIn) -> None:
    if signed_in.person.password_hash is None:
        raise PageError(
            "You sign in through another service",
            "Set up two-step verification there.",
        )


def _setup(
    signed_in: SignedIn,
    flow_state: FlowState,
    text: str,
    opened: Runtime,
    *,
    transaction: str,
    wrong: bool = False,
    status: int = 200,
) -> Response:
    issuer = opened.settings.branding.name or "Gatepost"
    uri = pyotp.TOTP(flow_state.secret).provisioning_uri(
        name=signed_in.person.known_as, issuer_name=issuer
    )
    picture: Any = segno.make(uri, error="m")
    # Written by the library from numbers alone.
    drawing = Markup(picture.svg_inline(scale=5, border=3, omitsize=True))  # noqa: S704
    return answer_account(
        signed_in,
        opened,
        "account/authenticator_app.html",
        section="security",
        status=status,
        drawing=drawing,
        secret=" ".join(
            flow_state.secret[at : at + 4] for at in range(0, len(flow_state.secret), 4)
        ),
        seconds=STEP,
        flow_state=text,
        transaction=transaction,
        wrong=wrong,
        proof=account_proof(signed_in, opened, "security"),
    )


def _codes(
    signed_in: SignedIn, codes: list[str], opened: Runtime, *, transaction: str = ""
) -> Response:
    return answer_account(
        signed_in,
        opened,
        "account/recovery_codes.html",
        section="security",
        codes=codes,
        transaction=transaction,
    )
