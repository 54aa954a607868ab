"""GET /account/security: show a person's ways to sign in, and remove one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import PageError, SignInRequired
from auth_server.flow.code_guesses import count_wrong_codes
from auth_server.flow.flow_state import FlowState, FlowStates, Sealer
from auth_server.flow.passkeys import are_possible, offer_passkey
from auth_server.pages.account.frame import Account, AccountResolver, Accounts, shown_account
from auth_server.pages.account.onward import ENROL, read_onward
from auth_server.records.audit.store import Audit, record
from auth_server.records.people.table import Person
from auth_server.records.second_factors.store import (
    count_recovery_codes,
    drop_authenticator_app,
    drop_passkey,
    find_authenticator_app,
    list_passkeys,
)
from auth_server.records.second_factors.table import Passkey
from auth_server.records.sessions.table import ONE_FACTOR, provider_of
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.own_provider import forget_break_glass
from auth_server.web.browser import read_browser
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker, Settings
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/account/security"
Page = Annotated[Account, Depends(shown_account(PAGE, enrolling=True))]
_OWN_PAGES = (PAGE, "/account/email")
FRESH = timedelta(minutes=15)
"""How long after a sign-in a person may change their ways to sign in."""


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """The options and flow state of a form that creates a passkey."""

    options: str
    flow_state: str


async def require_recent_sign_in(
    accounts: AccountResolver, db: DbSession, page: str = PAGE
) -> Account:
    """Find the account of a person who signed in recently, with a second factor if they have one.

    Args:
        accounts: finds accounts.
        db: an open database session.
        page: the path to return to after a sign-in.

    Raises:
        PageError: a customer's provider signed the person in, which may not add other ways to sign in.
        SignInRequired: the person must sign in again, because an unattended browser or a stolen
            password must not be enough to replace a second factor.
    """
    account = await accounts.require_full_sign_in(db, page, enrolling=page.startswith(PAGE))
    if account.signed_in.only_tenant is not None and page.startswith(_OWN_PAGES):
        # Otherwise the provider could give itself a way to sign in that outlives its own.
        raise PageError(
            "Your organisation manages how you sign in",
            "You signed in with its identity provider. Change your sign-in there.",
            status=403,
            detail="a session of a customer's provider",
        )
    if accounts.now() >= account.signed_in.session.signed_in_at + FRESH:
        raise SignInRequired(page)
    return account


async def _posted_change(form: Form, db: Db, accounts: Accounts) -> Account:
    onward = read_onward(form)
    page = onward.on(ENROL) if onward.field else PAGE
    account = await require_recent_sign_in(accounts, db, page)
    account.forms.require(form.get("proof"), "security")
    return account


PostedChange = Annotated[Account, Depends(_posted_change)]
"""The account of a person who signed in recently and posted a change of their ways to sign in."""


@router.get(PAGE)
async def show_security(
    request: Request,
    account: Page,
    db: ReadingDb,
    settings: Settings,
    sealer: Sealer,
    new_secret: SecretMaker,
) -> Response:
    """Show passkeys, the authenticator app and the number of unused recovery codes."""
    signed_in, person = account.signed_in, account.signed_in.person
    passkeys = await list_passkeys(db, person.person_id)
    local = person.password_hash is not None
    browser = read_browser(request, settings)
    passkey = None
    if local and browser:
        passkey = offer_new_passkey(person, passkeys, settings, sealer, browser, new_secret())
    return account.answer(
        "account/security.html",
        section="security",
        local=local,
        must_enrol=signed_in.session.level < ONE_FACTOR,
        changed=read_query(request).get("changed") is not None,
        guessed=await count_wrong_codes(db, person.person_id),
        provider=provider_of(signed_in.session.method),
        passkeys=passkeys,
        possible=are_possible(settings),
        authenticator_app=await find_authenticator_app(db, person.person_id),
        recovery_codes=await count_recovery_codes(db, person.person_id),
        passkey=passkey,
        proof=account.forms.make("security"),
    )


def offer_new_passkey(
    person: Person,
    passkeys: Sequence[Passkey],
    settings: AuthServerSettings,
    sealer: FlowStates,
    browser: str,
    nonce: str,
) -> NewPasskey | None:
    """Make what a form needs to create a passkey; None if this server can't have passkeys."""
    if not are_possible(settings):
        return None
    made = FlowState(
        way="new passkey",
        field="person",
        value=person.person_id,
        nonce=nonce,
        secret="",
        left_at=int(sealer.now().timestamp()),
    )
    return NewPasskey(offer_passkey(made, person, passkeys, settings), sealer.seal(made, browser))


@router.post(f"{PAGE}/remove")
async def remove(form: Form, account: PostedChange, db: Db, now: Clock) -> Response:
    """Remove a passkey, or the authenticator app with its recovery codes."""
    person_id, passkey = account.person_id, form.get("passkey")
    if passkey is not None:
        removed = await drop_passkey(db, person_id, passkey)
    else:
        removed = await find_authenticator_app(db, person_id) is not None
        await drop_authenticator_app(db, person_id)
    if removed:
        kind = "passkey" if passkey is not None else "code app"
        entry = Audit("second_factor.removed", person_id=person_id, detail={"factor": kind})
        await record(db, entry, now=now())
        await forget_break_glass(db, person_id, now=now())
    return account.lead_back(PAGE)
