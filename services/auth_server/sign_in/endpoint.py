"""GET and POST /sign-in, POST /sign-out."""

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from auth_server.audit.store import Audit, record
from auth_server.browser import clear_session, read_session, set_session
from auth_server.db.engine import DbSession
from auth_server.deps import Db, Opened, ReadingDb
from auth_server.flow.proof import form_proof, require_proof
from auth_server.flow.turn import Turn, continue_with, resolve_turn
from auth_server.forms import read_form, read_query, reject_repeats
from auth_server.pages.same_origin import require_same_origin
from auth_server.people.store import find_person_by_email
from auth_server.people.table import Person
from auth_server.resources import Resources
from auth_server.secrets import hash_secret
from auth_server.sessions.store import add_session, end_session
from auth_server.sessions.table import Session
from auth_server.transactions.store import choose_tenant

router = APIRouter()
log = structlog.get_logger()


@router.get("/sign-in")
async def show_sign_in(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Show the sign-in form of a transaction."""
    turn = await resolve_turn(request, read_query(request).get("transaction"), db, opened)
    return _form(turn, opened, email=turn.transaction.login_hint)


@router.post("/sign-in")
async def sign_in(request: Request, reading: ReadingDb, opened: Opened) -> Response:
    """Check an e-mail address and password, and start a session under a new id."""
    require_same_origin(request, opened.settings)
    form = await read_form(request)
    reject_repeats(form)
    turn = await resolve_turn(request, form.get("transaction"), reading, opened)
    require_proof(form.get("proof"), turn, opened, "sign-in")
    email, password = form.get("email") or "", form.get("password") or ""
    person = await find_person_by_email(reading, email[:320])
    # Nothing of the database is held while the password is hashed: that takes long on purpose.
    await reading.close()
    known_hash = person.password_hash if person else None
    right = await opened.passwords.verify(known_hash, password)
    async with opened.database.writing() as db, db.begin():
        if person is None or not right:
            log.info("sign_in_refused", client_id=turn.client.client_id)
            if person is not None:
                refused = Audit(
                    "sign_in.refused", person_id=person.person_id, client_id=turn.client.client_id
                )
                await record(db, refused, now=opened.now())
            return _form(turn, opened, email=email[:320], wrong=True, status=401)
        secret = await _start_session(request, turn, person, db, opened)
    response = continue_with(turn)
    set_session(response, opened.settings, secret, opened.settings.session_absolute_lifetime)
    return response


async def _start_session(
    request: Request, turn: Turn, person: Person, db: DbSession, opened: Resources
) -> str:
    if old := read_session(request, opened.settings):
        await end_session(db, hash_secret(old), now=opened.now())
    secret, now = opened.new_secret(), opened.now()
    session = Session(
        session_hash=hash_secret(secret),
        person_id=person.person_id,
        signed_in_at=now,
        last_seen_at=now,
        expires_at=now + opened.settings.session_absolute_lifetime,
    )
    await add_session(db, session)
    signed_in = Audit("signed_in", person_id=person.person_id, client_id=turn.client.client_id)
    await record(db, signed_in, now=now)
    return secret


@router.post("/sign-out")
async def sign_out(request: Request, db: Db, opened: Opened) -> Response:
    """End the session so that another account can be used for the same transaction."""
    require_same_origin(request, opened.settings)
    form = await read_form(request)
    reject_repeats(form)
    turn = await resolve_turn(request, form.get("transaction"), db, opened)
    require_proof(form.get("proof"), turn, opened, "sign-in")
    if secret := read_session(request, opened.settings):
        await end_session(db, hash_secret(secret), now=opened.now())
    await choose_tenant(db, turn.transaction.transaction_id, None)
    response = continue_with(turn)
    clear_session(response, opened.settings)
    return response


def _form(
    turn: Turn, opened: Resources, *, email: str, wrong: bool = False, status: int = 200
) -> Response:
    return opened.pages.answer(
        "sign_in.html",
        status=status,
        client_name=turn.client.name,
        email=email,
        wrong=wrong,
        transaction=turn.transaction.transaction_id,
        proof=form_proof(turn, opened, "sign-in"),
    )
