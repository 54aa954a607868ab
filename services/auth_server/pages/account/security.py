"""GET /account/security: the ways a person signs in, and removing one of them."""

from datetime import timedelta

from fastapi import Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import SignInRequired
from auth_server.flow.flow_state import FlowState, seal_flow_state
from auth_server.flow.passkeys import are_possible, offer_passkey
from auth_server.flow.signed_in import SignedIn
from auth_server.pages.account.frame import (
    account_proof,
    answer_account,
    lead_back,
    require_account_proof,
    require_signed_in,
)
from auth_server.records.audit.store import Audit, record
from auth_server.records.second_factors.store import (
    count_recovery_codes,
    drop_authenticator_app,
    drop_passkey,
    find_authenticator_app,
    has_second_factor,
    list_passkeys,
)
from auth_server.records.sessions.table import TWO_FACTORS, provider_of
from auth_server.runtime import Runtime
from auth_server.web.browser import read_browser
from auth_server.web.dependencies import Db, Opened, ReadingDb
from auth_server.web.forms import Parameters
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/account/security"
FRESH = timedelta(minutes=15)
"""How long after a sign-in its owner may change how they sign in."""


@router.get(PAGE)
async def show_security(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Show passkeys, the authenticator app and what is left of the recovery codes."""
    signed_in = await require_signed_in(request, db, opened, page=PAGE)
    person = signed_in.person
    passkeys = await list_passkeys(db, person.person_id)
    local = person.password_hash is not None
    browser = read_browser(request, opened.settings)
    flow_state = options = ""
    if local and browser and are_possible(opened.settings):
        made = FlowState(
            way="new passkey",
            field="person",
            value=person.person_id,
            nonce=opened.new_secret(),
            secret="",
            left_at=int(opened.now().timestamp()),
        )
        flow_state = seal_flow_state(made, browser, opened)
        options = offer_passkey(made, person, passkeys, opened)
    return answer_account(
        signed_in,
        opened,
        "account/security.html",
        section="security",
        local=local,
        provider=provider_of(signed_in.session.method),
        passkeys=passkeys,
        possible=are_possible(opened.settings),
        authenticator_app=await find_authenticator_app(db, person.person_id),
        recovery_codes=await count_recovery_codes(db, person.person_id),
        flow_state=flow_state,
        options=options,
        proof=account_proof(signed_in, opened, "security"),
    )


@router.post(f"{PAGE}/remove")
async def remove(request: Request, db: Db, opened: Opened, form: Form) -> Response:
    """Remove a passkey, or the authenticator app with its recovery codes."""
    signed_in = await require_change(request, form, db, opened)
    person_id, passkey = signed_in.person.person_id, form.get("passkey")
    if passkey is not None:
        removed = await drop_passkey(db, person_id, passkey)
    else:
        removed = await find_authenticator_app(db, person_id) is not None
        await drop_authenticator_app(db, person_id)
    if removed:
        kind = "passkey" if passkey is not None else "code app"
        entry = Audit("second_factor.removed", person_id=person_id, detail={"factor": kind})
        await record(db, entry, now=opened.now())
    return lead_back(opened, PAGE)


async def require_change(
    request: Request, form: Parameters, db: DbSession, opened: Runtime
) -> SignedIn:
    """Find who posted a form that changes how they sign in, and surely is themselves.

    Raises:
        PageError: the form is not ours.
        SignInFirst: the sign-in is not fresh, or less sure than the person can sign in.
    """
    signed_in = await require_recent_sign_in(request, db, opened)
    require_account_proof(form.get("proof"), signed_in, opened, "security")
    return signed_in


async def require_recent_sign_in(request: Request, db: DbSession, opened: Runtime) -> SignedIn:
    """Find who is signed in, freshly and with a second factor where they have one.

    Raises:
        SignInFirst: they have to sign in again: a browser left open, or a password that a stranger
            learned, must not be enough to replace what protects the account.
    """
    signed_in = await require_signed_in(request, db, opened, page=PAGE)
    stale = opened.now() >= signed_in.session.signed_in_at + FRESH
    weak = signed_in.session.level < TWO_FACTORS
    if stale or (weak and await has_second_factor(db, signed_in.person.person_id)):
        raise SignInRequired(PAGE)
    return signed_in
