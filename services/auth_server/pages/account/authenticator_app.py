"""GET and POST /account/security/app, POST /account/security/recovery-codes."""

from typing import Any

import pyotp
import segno
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.flow_state import Ticket, over, read_ticket, write_ticket
from auth_server.flow.one_time_codes import STEP, match_step, renew_recovery_codes, seal_secret
from auth_server.flow.start_session import begin_session
from auth_server.pages.account.frame import Visit, answer_account, visit_proof
from auth_server.pages.account.security import PAGE, require_change, require_sure_visit
from auth_server.records.audit.store import Audit, record
from auth_server.records.second_factors.store import find_code_app, put_code_app
from auth_server.records.second_factors.table import CodeApp
from auth_server.records.sessions.table import TWO_FACTORS
from auth_server.runtime import Resources
from auth_server.web.browser import read_browser, set_browser, set_session
from auth_server.web.dependencies import Db, Opened, ReadingDb
from auth_server.web.forms import read_query

router = APIRouter()
APP = f"{PAGE}/app"
WAY = "new code app"


@router.get(APP)
async def show_setup(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Show a new secret as a picture and as text, and ask for its first code."""
    visit = await require_sure_visit(request, db, opened)
    _require_local(visit)
    browser = read_browser(request, opened.settings) or opened.new_secret()
    ticket = Ticket(
        way=WAY,
        field="person",
        value=visit.person.person_id,
        nonce="",
        secret=pyotp.random_base32(),
        left_at=int(opened.now().timestamp()),
    )
    transaction = read_query(request).get("transaction") or ""
    text = write_ticket(ticket, browser, opened)
    response = _setup(visit, ticket, text, opened, transaction=transaction)
    set_browser(response, opened.settings, browser)
    return response


@router.post(APP)
async def set_up(request: Request, db: Db, opened: Opened) -> Response:
    """Keep the app once it has shown a right code, and begin a session that counts it."""
    visit, form = await require_change(request, db, opened)
    _require_local(visit)
    text, person = form.get("ticket") or "", visit.person
    ticket = read_ticket(text, read_browser(request, opened.settings), opened)
    if ticket is None or (ticket.way, ticket.value) != (WAY, person.person_id):
        raise over()
    transaction = form.get("transaction") or ""
    step = match_step(ticket.secret, form.get("code") or "", now=opened.now(), after=0)
    if step is None:
        return _setup(visit, ticket, text, opened, transaction=transaction, wrong=True, status=422)
    app = CodeApp(
        person_id=person.person_id,
        sealed_secret=seal_secret(ticket.secret, person.person_id, opened),
        last_step=step,
        created_at=opened.now(),
    )
    await put_code_app(db, app)
    codes = await renew_recovery_codes(db, person.person_id, opened)
    added = Audit("second_factor.added", person_id=person.person_id, detail={"factor": "code app"})
    await record(db, added, now=opened.now())
    secret, session = await begin_session(
        request, person, db, opened, level=TWO_FACTORS, method="password and code"
    )
    renewed = Visit(session, person)
    response = _codes(renewed, codes, opened, transaction=transaction)
    set_session(response, opened.settings, secret, opened.settings.session_absolute_lifetime)
    return response


@router.post(f"{PAGE}/recovery-codes")
async def renew(request: Request, db: Db, opened: Opened) -> Response:
    """Make new recovery codes; those from before are over."""
    visit, _ = await require_change(request, db, opened)
    if await find_code_app(db, visit.person.person_id) is None:
        raise PageError(
            "There is no authenticator app to recover",
            "Recovery codes stand in for an app. Set one up first.",
        )
    codes = await renew_recovery_codes(db, visit.person.person_id, opened)
    return _codes(visit, codes, opened)


def _require_local(visit: Visit) -> None:
    if visit.person.password_hash is None:
        raise PageError(
            "You sign in somewhere else",
            "A second factor is set up there, not here.",
        )


def _setup(
    visit: Visit,
    ticket: Ticket,
    text: str,
    opened: Resources,
    *,
    transaction: str,
    wrong: bool = False,
    status: int = 200,
) -> Response:
    issuer = opened.settings.branding.name or "Gatepost"
    uri = pyotp.TOTP(ticket.secret).provisioning_uri(name=visit.person.known_as, issuer_name=issuer)
    picture: Any = segno.make(uri, error="m")
    # Written by the library from numbers alone.
    drawing = Markup(picture.svg_inline(scale=5, border=3, omitsize=True))  # noqa: S704
    return answer_account(
        visit,
        opened,
        "account/code_app.html",
        section="security",
        status=status,
        drawing=drawing,
        secret=" ".join(ticket.secret[at : at + 4] for at in range(0, len(ticket.secret), 4)),
        seconds=STEP,
        ticket=text,
        transaction=transaction,
        wrong=wrong,
        proof=visit_proof(visit, opened, "security"),
    )


def _codes(visit: Visit, codes: list[str], opened: Resources, *, transaction: str = "") -> Response:
    return answer_account(
        visit,
        opened,
        "account/recovery_codes.html",
        section="security",
        codes=codes,
        transaction=transaction,
    )
