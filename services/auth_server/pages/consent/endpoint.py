"""GET and POST /consent."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import AccessDenied, PageError
from auth_server.flow.next_step import AskConsent
from auth_server.flow.pending import Turn, continue_with, resolve_turn
from auth_server.flow.proof import require_proof
from auth_server.flow.respond import error_url
from auth_server.pages.consent.approve import approve, issue_code
from auth_server.pages.consent.catalogue import read_catalogue
from auth_server.pages.consent.page import answer_forbidden, answer_page
from auth_server.pages.consent.remembered import is_remembered
from auth_server.pages.picker.data_choice import NothingChosen
from auth_server.pages.picker.question import Question, ask
from auth_server.records.audit.store import Audit, record
from auth_server.records.authorization_requests.store import finish_transaction
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.clients import redirect_uris
from auth_server.runtime import Resources
from auth_server.web.dependencies import Db, Opened, ReadingDb
from auth_server.web.forms import read_form, read_query, reject_repeats
from auth_server.web.same_origin import require_same_origin

router = APIRouter()
# One field for each ticked tool: some thousands of them.
FORM_LIMIT, MOST_FIELDS = 512 * 1024, 5000


@router.get("/consent")
async def show_consent(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Show who asks, where the answer goes, and which tools and data are on offer."""
    turn = await resolve_turn(request, read_query(request).get("transaction"), db, opened)
    if not isinstance(turn.step, AskConsent):
        return continue_with(turn)
    if not turn.step.seat.policy.admits(turn.client.client_id):
        return answer_forbidden(turn, turn.step, opened)
    catalogue = await read_catalogue(turn.transaction.resource, db, opened)
    question = await ask(turn, turn.step, catalogue, db, opened)
    if is_remembered(turn, question):
        return await _continue_silently(turn, turn.step, question, opened)
    return answer_page(turn, turn.step, question, question.suggested, opened)


@router.post("/consent")
async def answer_consent(request: Request, db: Db, opened: Opened) -> Response:
    """Take the person's answer: a grant of what they chose, or a refusal."""
    require_same_origin(request, opened.settings)
    form = await read_form(request, limit=FORM_LIMIT, fields=MOST_FIELDS)
    reject_repeats(form, except_for=frozenset({"tool", "data"}))
    turn = await resolve_turn(request, form.get("transaction"), db, opened)
    if not isinstance(turn.step, AskConsent):
        return continue_with(turn)
    step, shown_hash = turn.step, form.get("catalogue") or ""
    catalogue = await find_catalogue(db, turn.transaction.resource, version=shown_hash)
    if catalogue is None:
        require_proof(form.get("proof"), turn, opened, "consent-forbidden", step.seat.tenant_id)
        return await _deny(turn, step, db, opened)
    question = await ask(turn, step, catalogue, db, opened, lock=True)
    require_proof(form.get("proof"), turn, opened, "consent", *question.shown(step))
    choice = question.read_choice(form)
    if form.get("preset") is not None:
        return answer_page(turn, step, question, choice, opened)
    match form.get("decision"):
        case "deny":
            return await _deny(turn, step, db, opened)
        case "approve":
            pass
        case _:
            text = "The form was sent without an answer. Go back and try."
            raise PageError("Approve or deny", text)
    if not step.seat.policy.admits(turn.client.client_id):
        return answer_forbidden(turn, step, opened)
    if not choice.tools:
        return answer_page(turn, step, question, choice, opened, nothing_chosen="tool", status=400)
    try:
        data_scope = question.read_data(choice)
    except NothingChosen as kind:
        return answer_page(
            turn, step, question, choice, opened, nothing_chosen=str(kind), status=400
        )
    await _finish(turn, db, opened)
    url = await approve(turn, step, question, choice, data_scope, db, opened)
    return _leave(turn, url, opened, approved=True)


async def _continue_silently(
    turn: Turn, step: AskConsent, question: Question, opened: Resources
) -> Response:
    grant = question.before
    if grant is None:
        raise LookupError("what is remembered was granted before")
    async with opened.transaction() as db:
        await _finish(turn, db, opened)
        url = await issue_code(turn, grant, db, opened)
        remembered = Audit(
            "consent.remembered",
            person_id=step.person.person_id,
            client_id=turn.client.client_id,
            tenant_id=step.seat.tenant_id,
            grant_id=grant.grant_id,
            detail={"scope": turn.transaction.scope},
        )
        await record(db, remembered, now=opened.now())
    return _leave(turn, url, opened, approved=True)


async def _deny(turn: Turn, step: AskConsent, db: DbSession, opened: Resources) -> Response:
    await _finish(turn, db, opened)
    denied = Audit(
        "consent.denied",
        person_id=step.person.person_id,
        client_id=turn.client.client_id,
        tenant_id=step.seat.tenant_id,
    )
    await record(db, denied, now=opened.now())
    url = error_url(
        turn.transaction.redirect_uri,
        AccessDenied("the person did not allow it"),
        state=turn.transaction.state,
        issuer=opened.settings.issuer,
    )
    return _leave(turn, url, opened, approved=False)


async def _finish(turn: Turn, db: DbSession, opened: Resources) -> None:
    if not await finish_transaction(db, turn.transaction.transaction_id, now=opened.now()):
        raise PageError("You answered already", "Go back to your app; nothing more is needed here.")


def _leave(turn: Turn, url: str, opened: Resources, *, approved: bool) -> Response:
    # A page that moves on by itself, not a redirect: browsers apply `form-action` to each hop that
    # follows a form, and an app's custom scheme would not pass it.
    return opened.pages.answer(
        "leave.html",
        client_name=turn.client.name,
        redirect_host=redirect_uris.redirect_host(turn.transaction.redirect_uri),
        url=url,
        approved=approved,
    )
