"""Where a browser stands: its transaction, who is signed in, and the step that is due."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.flow.next_step import NextStep, next_step
from auth_server.records.authorization_requests.store import find_transaction
from auth_server.records.authorization_requests.table import Transaction
from auth_server.records.clients.store import find_client
from auth_server.records.clients.table import Client
from auth_server.records.grants.store import find_usual_tenant
from auth_server.records.people.store import find_person
from auth_server.records.people.table import Person
from auth_server.records.sessions.store import find_session
from auth_server.records.sessions.table import Session
from auth_server.records.tenants.store import list_seats
from auth_server.runtime import Resources
from auth_server.secrets import hash_secret
from auth_server.web.browser import read_browser, read_session

CONTINUE = "/authorize/continue"


@dataclass(frozen=True, slots=True)
class Turn:
    """One transaction in one browser, at this moment."""

    transaction: Transaction
    browser: str
    client: Client
    step: NextStep
    base: str
    """What every path of ours begins with: the issuer's path."""


async def resolve_turn(
    request: Request, transaction_id: str | None, db: DbSession, opened: Resources
) -> Turn:
    """Find the transaction that this browser began, and what it waits for.

    Raises:
        PageError: there is none, it is over, another browser began it, or its client is gone.
    """
    browser = read_browser(request, opened.settings)
    transaction = None
    if transaction_id and browser:
        transaction = await find_transaction(
            db, transaction_id, browser_hash=hash_secret(browser), now=opened.now()
        )
    if transaction is None or browser is None:
        raise PageError(
            "This request is over",
            "It was answered already, took too long, or began in another browser. "
            "Go back to your app and connect again.",
            detail="no such transaction in this browser",
        )
    client = await find_client(db, transaction.client_id)
    if client is None:
        raise PageError("This app is no longer known here", "Connect it again from the app.")
    signed_in = await resolve_signed_in(request, db, opened)
    seats = await list_seats(db, signed_in[1].person_id) if signed_in else []
    usual = None
    if signed_in and len(seats) > 1 and transaction.tenant_id is None:
        usual = await find_usual_tenant(db, signed_in[1].person_id, client.client_id)
    step = next_step(transaction, signed_in, seats, usual)
    return Turn(transaction, browser, client, step, opened.settings.path)


async def resolve_signed_in(
    request: Request, db: DbSession, opened: Resources
) -> tuple[Session, Person] | None:
    """Find who is signed in in this browser."""
    secret = read_session(request, opened.settings)
    if not secret:
        return None
    idle = opened.settings.session_idle_lifetime
    session = await find_session(db, hash_secret(secret), now=opened.now(), idle=idle)
    if session is None:
        return None
    person = await find_person(db, session.person_id)
    return None if person is None else (session, person)


def continue_with(turn: Turn) -> RedirectResponse:
    """Send the browser back to where the next step is decided."""
    response = RedirectResponse(
        f"{turn.base}{CONTINUE}?transaction={turn.transaction.transaction_id}", status_code=303
    )
    response.headers["Cache-Control"] = "no-store"
    return response
