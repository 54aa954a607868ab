"""GET and POST /sign-in, POST /sign-out."""

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from auth_server.browser import clear_session, read_session, set_session
from auth_server.deps import Db, Opened, ReadingDb
from auth_server.flow.proof import form_proof, require_proof
from auth_server.flow.turn import Turn, continue_with, resolve_turn
from auth_server.forms import read_form
from auth_server.pages.same_origin import require_same_origin
from auth_server.people.store import find_person_by_email
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
    turn = await resolve_turn(request, request.query_params.get("transaction"), db, opened)
    return _form(turn, opened, email=turn.transaction.login_hint)


@router.post("/sign-in")
async def sign_in(request: Request, db: Db, opened: Opened) -> Response:
    """Check an e-mail address and password, and start a session under a new id."""
    require_same_origin(request, opened.settings)
    form = await read_form(request)
    turn = await resolve_turn(request, form.get("transaction"), db, opened)
    require_proof(form.get("proof"), turn, opened, "sign-in")
    email, password = form.get("email") or "", form.get("password") or ""
    person = await find_person_by_email(db, email[:320])
    known_hash = person.password_hash if person else None
    if not await opened.passwords.verify(known_hash, password) or person is None:
        log.info("sign_in_refused", client_id=turn.client.client_id)
        return _form(turn, opened, email=email[:320], wrong=True, status=401)
    if old := read_session(request, opened.settings):
        await end_session(db, hash_secret(old), now=opened.now())
    secret, now = opened.new_secret(), opened.now()
    lifetime = opened.settings.session_absolute_lifetime
    await add_session(
        db,
        Session(
            session_hash=hash_secret(secret),
            person_id=person.person_id,
            signed_in_at=now,
            last_seen_at=now,
            expires_at=now + lifetime,
        ),
    )
    log.info("signed_in", person_id=person.person_id, client_id=turn.client.client_id)
    response = continue_with(turn)
    set_session(response, opened.settings, secret, lifetime)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, db: Db, opened: Opened) -> Response:
    """End the session so that another account can be used for the same transaction."""
    require_same_origin(request, opened.settings)
    form = await read_form(request)
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
