"""GET and POST /sign-in, GET /sign-in/more, POST /sign-out."""

from typing import Literal
from urllib.parse import urlencode

import structlog
from fastapi import Request
from starlette.responses import RedirectResponse, Response

from auth_server.errors import PageError
from auth_server.flow.known_browser import Known
from auth_server.flow.next_step import StepUp
from auth_server.flow.pending import ShownAuthorization, continue_with
from auth_server.flow.sign_in_purpose import (
    PostedPurpose,
    Purposes,
    ShownPurpose,
    purpose_of_authorization,
)
from auth_server.flow.start_session import NewSession
from auth_server.pages.account.onward import ENROL
from auth_server.pages.sign_in.page import SignIn
from auth_server.pages.sign_in.second_factor import ask_for_code
from auth_server.pages.sign_in.throttle import throttle_of, wait
from auth_server.records.audit.store import Audit, record
from auth_server.records.authorization_requests.store import choose_tenant
from auth_server.records.people.passwords import PasswordsBusy
from auth_server.records.people.store import find_person_by_email
from auth_server.records.second_factors.store import find_authenticator_app, has_second_factor
from auth_server.records.sessions.store import end_session
from auth_server.records.sessions.table import ONE_FACTOR
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
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
log = structlog.get_logger()


@router.get("/sign-in")
async def show_sign_in(request: Request, purpose: ShownPurpose, pages: SignIn) -> Response:
    """Show the ways to sign in."""
    given = read_query(request)
    hint = purpose.pending.authorization_request.login_hint if purpose.pending else ""
    notice: Literal["second factor", "changed"] | None = None
    if given.get("second_factor") is not None:
        notice = "second factor"
    elif given.get("changed") is not None:
        notice = "changed"
    return pages.show(
        purpose,
        email=hint,
        other=given.get("other") is not None,
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
    """Show that the chosen tenant requires a stronger sign-in, and the ways to continue.

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
        several_tenants=len(pending.step.memberships) > 1,
        enrolled=enrolled,
        passkey=pages.offer_passkey(purpose),
        purpose=purpose,
        transaction=pending.authorization_request.transaction_id,
        sign_out_proof=purpose.forms.make("sign-in"),
    )


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
        await choose_tenant(db, purpose.pending.authorization_request.transaction_id, None)
    response = purpose.asks_again(settings.path)
    clear_session(response, settings)
    return response
