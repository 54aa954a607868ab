"""GET /sign-in/with/NAME and GET /sign-in/return/NAME: signing in with a connector."""

import structlog
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from auth_server.connectors.port import Connector, Departure, SignInRefused
from auth_server.errors import PageError
from auth_server.flow.flow_state import Ticket, over, redeem_ticket, write_ticket
from auth_server.flow.sign_in_purpose import Errand, resolve_errand
from auth_server.flow.start_session import start_session
from auth_server.pages.sign_in.page import show
from auth_server.pages.sign_in.resolve_person import welcome
from auth_server.records.sessions.table import ONE_FACTOR, TWO_FACTORS, from_provider
from auth_server.runtime import Resources
from auth_server.web.browser import read_browser, set_browser
from auth_server.web.dependencies import Opened, ReadingDb
from auth_server.web.forms import Parameters, read_query, reject_repeats

router = APIRouter()
log = structlog.get_logger()
_STATUS = {"unavailable": 503, "cancelled": 403, "refused": 403}


@router.get("/sign-in/with/{name}")
async def leave(name: str, request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Send the browser to a provider, with a ticket for the way back.

    A link, not a form: `form-action` would hold a form back from where it is redirected.
    """
    connector = _find(name, opened)
    given = read_query(request)
    reject_repeats(given)
    errand = await resolve_errand(request, given, db, opened)
    await db.close()
    turn = errand.turn
    ticket = Ticket(
        way=name,
        field=errand.field,
        value=errand.value,
        nonce=opened.new_secret(),
        secret=opened.new_secret(),
        left_at=int(opened.now().timestamp()),
        fresh=given.get("other") is not None
        or (turn is not None and turn.transaction.signed_in_after is not None),
    )
    state = write_ticket(ticket, errand.browser, opened)
    hint = turn.transaction.login_hint if turn else ""
    try:
        url = await connector.depart(_departure(ticket, state, opened, login_hint=hint))
    except SignInRefused as refusal:
        return _refuse(refusal, name, errand, opened)
    response = RedirectResponse("/", status_code=303)
    response.headers["Location"] = url
    response.headers["Cache-Control"] = "no-store"
    set_browser(response, opened.settings, errand.browser)
    return response


@router.get("/sign-in/return/{name}")
async def come_back(name: str, request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Read whom a provider signed in, and start a session for them.

    What a browser brings back counts once, for ten minutes, and only in the browser that left
    (A35, A141).
    """
    connector = _find(name, opened)
    given = read_query(request)
    reject_repeats(given)
    state, browser = given.get("state"), read_browser(request, opened.settings)
    ticket = await redeem_ticket(state, browser, opened, way=name)
    if ticket is None or state is None:
        raise over()
    errand_of = Parameters({ticket.field: (ticket.value,)})
    errand = await resolve_errand(request, errand_of, db, opened)
    await db.close()
    parameters = {key: values[0] for key, values in given.values.items()}
    try:
        asserted = await connector.arrive(parameters, _departure(ticket, state, opened))
        async with opened.transaction() as writing:
            person = await welcome(writing, asserted, connector.settings, opened)
            return await start_session(
                request,
                errand,
                person,
                writing,
                opened,
                level=TWO_FACTORS if asserted.two_factors else ONE_FACTOR,
                method=from_provider(name),
            )
    except SignInRefused as refusal:
        return _refuse(refusal, name, errand, opened)


def _find(name: str, opened: Resources) -> Connector:
    connector = opened.connectors.get(name)
    if connector is None:
        raise PageError(
            "There is no page here",
            "Connections start in your app: add the service there and follow its link.",
            status=404,
        )
    return connector


def _departure(ticket: Ticket, state: str, opened: Resources, *, login_hint: str = "") -> Departure:
    return Departure(
        state=state,
        nonce=ticket.nonce,
        verifier=ticket.secret,
        callback=f"{opened.settings.issuer}/sign-in/return/{ticket.way}",
        left_at=ticket.left,
        fresh=ticket.fresh,
        login_hint=login_hint,
    )


def _refuse(refusal: SignInRefused, name: str, errand: Errand, opened: Resources) -> Response:
    log.warning("sign_in_refused", connector=name, reason=str(refusal), client_id=errand.client_id)
    return show(errand, opened, refusal=refusal.told, status=_STATUS[refusal.told])
