"""GET and POST /sign-in, /sign-in/more and /sign-in/account, POST /sign-out."""

from dataclasses import replace
from typing import Annotated, Literal
from urllib.parse import urlencode

import structlog
from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from auth_server.errors import PageError
from auth_server.flow.known_browser import Known
from auth_server.flow.next_step import ChooseAccount, StepUp
from auth_server.flow.next_step import SignIn as NeedsSignIn
from auth_server.flow.pending import (
    PendingAuthorization,
    ShownAuthorization,
    continue_with,
    posted_authorization,
)
from auth_server.flow.sign_in_purpose import (
    PostedPurpose,
    Purposes,
    ShownPurpose,
    purpose_of_authorization,
)
from auth_server.flow.start_session import NewSession
from auth_server.pages.account.onward import ENROL
from auth_server.pages.sign_in.own_provider import find_own_way
from auth_server.pages.sign_in.page import SignIn
from auth_server.pages.sign_in.second_factor import ask_for_code
from auth_server.pages.sign_in.throttle import throttle_of, wait
from auth_server.records.audit.store import Audit, record
from auth_server.records.authorization_requests.store import (
    choose_tenant,
    forgo_class,
    note_account,
)
from auth_server.records.people.passwords import PasswordsBusy
from auth_server.records.people.store import find_person_by_email
from auth_server.records.second_factors.store import find_authenticator_app, has_second_factor
from auth_server.records.sessions.store import end_session
from auth_server.records.sessions.table import ONE_FACTOR
from auth_server.records.tenants.store import find_tenant
from auth_server.secrets import hash_secret
from auth_server.web.browser import clear_session, read_session
from auth_server.web.dependencies import (
    Clock,
    Db,
    PasswordsInUse,
    ReadingDb,
    Settings,
    Transaction,
)
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter

router = PageRouter()
PostedAuthorization = Annotated[PendingAuthorization, Depends(posted_authorization(PostedForm()))]
log = structlog.get_logger()
_CHOICES = frozenset({"other", "password", "second_factor", "changed"})
"""Parameters with which a person chooses how to sign in, or another account."""


@router.get("/sign-in")
async def show_sign_in(
    request: Request, purpose: ShownPurpose, db: ReadingDb, pages: SignIn
) -> Response:
    """Show the ways to sign in, with the provider of the organisation whose address the app asks for.

    If that organisation requires its provider, the page leads there.
    """
    given = read_query(request)
    hint = purpose.pending.authorization_request.login_hint if purpose.pending else ""
    organisation = purpose.pending.organisation if purpose.pending else None
    tenant = await find_tenant(db, organisation) if organisation else None
    if tenant is not None:
        own = await find_own_way(db, tenant.tenant_id, pages.settings)
        if own is not None and tenant.provider_only_since and not given.values.keys() & _CHOICES:
            return pages.lead_to(purpose, own.name, hint)
        pages = replace(pages, own=own)
    notice: Literal["second factor", "changed", "other person"] | None = None
    step = purpose.pending.step if purpose.pending else None
    if given.get("second_factor") is not None:
        notice = "second factor"
    elif given.get("changed") is not None:
        notice = "changed"
    elif isinstance(step, NeedsSignIn) and step.other_person:
        notice = "other person"
    return pages.show(
        purpose,
        email=hint,
        other=given.get("other") is not None or notice == "other person",
        notice=notice,
        password=given.get("password") is not None,
    )


@router.post("/sign-in")
async def sign_in(
    form: Form,
    purpose: PostedPurpose,
    reading: ReadingDb,
    pages: SignIn,
    passwords: PasswordsInUse,
    transaction: Transaction,
    new_session: NewSession,
    known: Known,
) -> Response:
    """Check an e-mail address and password, and start a session under a new id."""
    purpose.forms.require(form.get("proof"), "sign-in")
    if not pages.settings.has_accounts:
        raise PageError(
            "This action isn't available",
            "Password sign-in is turned off. Go back and sign in another way.",
            status=404,
        )
    email, password = (form.get("email") or "")[:320], form.get("password") or ""
    person = await find_person_by_email(reading, email)
    await reading.close()
    throttle = throttle_of(known, email.strip().lower(), person.person_id if person else None)
    async with transaction() as db:
        until = await throttle.admit(db, now=pages.sealer.now())
    if until is not None:
        log.info("sign_in_throttled", client_id=purpose.client_id)
        return wait(
            until,
            pages.sealer.now(),
            lambda minutes: pages.show(
                purpose, email=email, refusal="too often", minutes=minutes, status=429
            ),
        )
    # No database session is open while the password is hashed, which is slow on purpose.
    try:
        right = await passwords.verify(person.password_hash if person else None, password)
    except PasswordsBusy:
        raise PageError(
            "Sign-in is busy",
            "Too many people are signing in at once. Try again in a minute.",
            status=503,
        ) from None
    async with transaction() as db:
        if person is None or not right:
            log.info("sign_in_refused", client_id=purpose.client_id)
            # Recorded for unknown people too, because the response would otherwise come sooner.
            person_id = person.person_id if person else ""
            refused = Audit("sign_in.refused", person_id=person_id, client_id=purpose.client_id)
            await record(db, refused, now=pages.sealer.now())
            return pages.show(purpose, email=email, refusal="wrong", status=401)
        await throttle.passed(db)
        if await find_authenticator_app(db, person.person_id) is not None:
            # The session begins only after the correct code.
            return await ask_for_code(db, purpose, person, pages)
        response = await new_session.start(db, person, purpose, level=ONE_FACTOR, method="password")
    known.remember(response, person.person_id)
    return response


@router.get("/sign-in/more")
async def show_step_up(pending: ShownAuthorization, db: ReadingDb, pages: SignIn) -> Response:
    """Show that the chosen tenant requires a stronger sign-in, or the app prefers one, and the ways to continue.

    A person with a password and without a second factor is led to set one up.
    """
    if not isinstance(pending.step, StepUp):
        return continue_with(pending)
    purpose, person = purpose_of_authorization(pending), pending.step.person
    enrolled, local = (
        await has_second_factor(db, person.person_id),
        person.password_hash is not None,
    )
    if local and not enrolled:
        enrol = urlencode({"transaction": pending.authorization_request.transaction_id})
        return RedirectResponse(
            f"{pending.base}{ENROL}?{enrol}", status_code=303, headers={"Cache-Control": "no-store"}
        )
    return pages.pages.answer(
        "step_up.html",
        status=403,
        client_name=pending.client.name,
        email=person.known_as,
        membership=pending.step.membership,
        wanted_class=pending.step.wanted_class,
        go_on_proof=pending.forms.make("go-on"),
        several_tenants=len(pending.step.memberships) > 1,
        enrolled=enrolled,
        passkey=pages.offer_passkey(purpose),
        purpose=purpose,
        transaction=pending.authorization_request.transaction_id,
        sign_out_proof=purpose.forms.make("sign-in"),
    )


@router.post("/sign-in/more")
async def go_on(form: Form, pending: PostedAuthorization, db: Db) -> Response:
    """Go on without the sign-in that the app prefers, which the ID token tells it."""
    pending.forms.require(form.get("proof"), "go-on")
    if isinstance(pending.step, StepUp) and pending.step.wanted_class is not None:
        await forgo_class(db, pending.authorization_request.transaction_id)
    return continue_with(pending)


@router.get("/sign-in/account")
async def show_account(pending: ShownAuthorization, pages: SignIn) -> Response:
    """Show the account that is signed in, to go on with it or use another one."""
    if not isinstance(pending.step, ChooseAccount):
        return continue_with(pending)
    person = pending.step.person
    return pages.pages.answer(
        "account_choice.html",
        client_name=pending.client.name,
        person=person,
        transaction=pending.authorization_request.transaction_id,
        proof=pending.forms.make("account", person.person_id),
        sign_out_proof=pending.forms.make("sign-in"),
    )


@router.post("/sign-in/account")
async def choose_account(form: Form, pending: PostedAuthorization, db: Db) -> Response:
    """Go on with the account that is signed in."""
    shown = form.get("person") or ""
    pending.forms.require(form.get("proof"), "account", shown)
    if isinstance(pending.step, ChooseAccount) and pending.step.person.person_id == shown:
        await note_account(db, pending.authorization_request.transaction_id)
    return continue_with(pending)


@router.post("/sign-out")
async def sign_out(
    request: Request,
    form: Form,
    db: Db,
    purposes: Purposes,
    settings: Settings,
    now: Clock,
) -> Response:
    """End the session, so that another account can be used for the same sign-in purpose."""
    purpose = await purposes.resolve(form, db)
    purpose.forms.require(form.get("proof"), "sign-in")
    if secret := read_session(request, settings):
        await end_session(db, hash_secret(secret), now=now())
    if purpose.pending:
        transaction_id = purpose.pending.authorization_request.transaction_id
        await choose_tenant(db, transaction_id, None)
        await note_account(db, transaction_id)
    response = purpose.asks_again(settings.path)
    clear_session(response, settings)
    return response
