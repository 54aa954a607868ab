"""POST /account/invitation/…: prove the invited address with a code, and create an account.

The code travels sealed in the form, so that only the browser that asked for it can use it: somebody
else who has the link can neither guess nor replace it.
"""

from datetime import timedelta
from typing import Literal

from fastapi import Request
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.flow_state import LIFETIME, over
from auth_server.flow.known_browser import Known
from auth_server.flow.mailed_codes import admit_guess, is_right, make_code, spell
from auth_server.flow.start_session import NewSession
from auth_server.outbox.queue import queue_mail
from auth_server.pages.account.frame import lead_back
from auth_server.pages.invitations.accept import join
from auth_server.pages.invitations.frame import Invitations, Invited
from auth_server.pages.passwords.policy import find_problem
from auth_server.pages.passwords.renew import busy
from auth_server.records.attempts.store import count_attempt
from auth_server.records.audit.store import Audit, record
from auth_server.records.flow_states.store import use_flow_state
from auth_server.records.people.passwords import PasswordsBusy
from auth_server.records.people.store import add_person, find_account
from auth_server.records.people.table import Person
from auth_server.records.sessions.table import ONE_FACTOR
from auth_server.rendering.translation import translatable
from auth_server.secrets import hash_secret
from auth_server.tenancy.invitations import PAGE
from auth_server.web.address import address_of
from auth_server.web.dependencies import Clock, Db, PasswordsInUse, ReadingDb, Transaction
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
CODE, PROVED = "invitation code", "invited address"
MOST_OF_ADDRESS = 20
LONGEST_NAME = 100
_HOUR = timedelta(hours=1)


@router.post(f"{PAGE}/code")
async def send_code(
    request: Request, form: Form, db: Db, invitations: Invitations, now: Clock
) -> Response:
    """Send a code to the invited address."""
    invited = await invitations.require(form.get("id"), db)
    invited.require_proof(form, "invitation-code")
    if invited.account is None:
        _require_accounts(invited)
    sender = hash_secret(f"invitation code for {address_of(request, invited.settings)}")
    limited = await count_attempt(db, sender, most=MOST_OF_ADDRESS, window=_HOUR, now=now())
    code = make_code(invited.new_secret())
    queued = limited is None and await queue_mail(
        db,
        "invitation_code",
        to=invited.invitation.email,
        language=invited.pages.language,
        values={"tenant": invited.tenant.name, "code": spell(code)},
        now=now(),
        useful_for=LIFETIME,
    )
    if not queued:
        raise PageError(
            "Too many codes were sent",
            "Enter the newest one, or try again in an hour.",
            status=429,
        )
    return _ask(invited, invited.seal(CODE, code))


@router.post(f"{PAGE}/confirm")
async def check_code(
    form: Form, reading: ReadingDb, invitations: Invitations, transaction: Transaction, now: Clock
) -> Response:
    """Check the code; then the signed-in person joins, or somebody new creates an account."""
    invited = await invitations.require(form.get("id"), reading)
    ticket = form.get("ticket") or ""
    invited.require_proof(form, "invitation-confirm", ticket)
    flow_state = invited.unseal(ticket, CODE)
    await reading.close()
    async with transaction() as db:
        if not await admit_guess(db, ticket, now=now()):
            return _ask(invited, ticket, refusal="too often", status=429)
    if not is_right(flow_state, form.get("code")):
        return _ask(invited, ticket, refusal="wrong", status=401)
    async with transaction() as db:
        if not await use_flow_state(db, hash_secret(ticket), expires_at=flow_state.until):
            raise over()
        email = invited.invitation.email
        known = await find_account(db, email=email)
        if invited.account is not None and invited.is_theirs and known is not None:
            if known.person_id != invited.account.person_id:
                raise over()
            known.email_verified_at = now()
            await db.flush()
            await join(db, invited, known, now)
            return lead_back(invited.settings.path, invited.welcome)
        if known is not None:
            # The code proves the address, and not that this browser is the account's.
            return invited.answer("invitation_known.html")
    _require_accounts(invited)
    return _ask_for_account(invited, invited.seal(PROVED, email))


@router.post(f"{PAGE}/account")
async def create_account(
    form: Form,
    reading: ReadingDb,
    invitations: Invitations,
    passwords: PasswordsInUse,
    transaction: Transaction,
    new_session: NewSession,
    known: Known,
    now: Clock,
) -> Response:
    """Create the account, make the person a member, and sign them in."""
    invited = await invitations.require(form.get("id"), reading)
    ticket = form.get("ticket") or ""
    invited.require_proof(form, "invitation-account", ticket)
    flow_state = invited.unseal(ticket, PROVED)
    _require_accounts(invited)
    await reading.close()
    name, password = " ".join((form.get("name") or "").split()), form.get("password") or ""
    person = Person(
        person_id=f"usr_{hash_secret(flow_state.nonce)[:32]}",
        email=flow_state.secret,
        name=name,
        language=invited.pages.language,
        email_verified_at=now(),
        created_at=now(),
    )
    problem = _find_name_problem(name)
    problem = problem or find_problem(password, person, invited.settings.branding.name or "")
    if problem is not None:
        return _ask_for_account(invited, ticket, name=name, problem=problem, status=400)
    try:
        person.password_hash = await passwords.hash(password)
    except PasswordsBusy:
        raise busy() from None
    async with transaction() as db:
        used = await use_flow_state(db, hash_secret(ticket), expires_at=flow_state.until)
        if not used or not await add_person(db, person):
            raise over()
        created = Audit("person.created", person_id=person.person_id, detail={"by": "invitation"})
        await record(db, created, now=now())
        await join(db, invited, person, now)
        secret, _ = await new_session.begin(db, person, level=ONE_FACTOR, method="password")
    response = lead_back(invited.settings.path, invited.welcome)
    new_session.set_cookie(response, secret)
    known.remember(response, person.person_id)
    return response


def _find_name_problem(name: str) -> str | None:
    # Names appear in mails, where programs turn addresses into links.
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or {*name} & {*"/:@<>"}:
        return translatable("Enter your name, of at most 100 characters, without / : @ < or >.")
    return None


def _require_accounts(invited: Invited) -> None:
    if not invited.settings.has_accounts or not invited.settings.can_send_mail:
        raise PageError(
            "This action isn't available",
            "This server doesn't create accounts. Sign in to accept the invitation.",
            status=404,
        )


def _ask(
    invited: Invited,
    ticket: str,
    *,
    refusal: Literal["wrong", "too often"] | None = None,
    status: int = 200,
) -> Response:
    return invited.answer(
        "invitation_code.html",
        status=status,
        ticket=ticket,
        refusal=refusal,
        proof=invited.proof("invitation-confirm", ticket),
        code_proof=invited.proof("invitation-code"),
    )


def _ask_for_account(
    invited: Invited,
    ticket: str,
    *,
    name: str = "",
    problem: str | None = None,
    status: int = 200,
) -> Response:
    return invited.answer(
        "invitation_account.html",
        status=status,
        ticket=ticket,
        name=name,
        problem=problem,
        proof=invited.proof("invitation-account", ticket),
    )
