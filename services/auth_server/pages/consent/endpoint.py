"""GET and POST /consent."""

from fastapi import Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import AccessDenied, PageError
from auth_server.flow.next_step import AskConsent
from auth_server.flow.pending import (
    PendingAuthorization,
    continue_with,
    resolve_pending_authorization,
)
from auth_server.flow.respond import error_url
from auth_server.pages.consent.approve import approve, issue_code
from auth_server.pages.consent.catalogue import read_catalogue
from auth_server.pages.consent.page import answer_forbidden, answer_page
from auth_server.pages.consent.remembered import is_remembered
from auth_server.pages.picker.data_choice import NothingChosen
from auth_server.pages.picker.form import PickerForm
from auth_server.pages.picker.question import Question, ask
from auth_server.records.audit.store import Audit, record
from auth_server.records.authorization_requests.store import finish_authorization_request
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.clients import redirect_uris
from auth_server.runtime import Runtime
from auth_server.web.dependencies import Db, Opened, ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.get("/consent")
async def show_consent(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Show who asks, where the answer goes, and which tools and data are on offer."""
    pending = await resolve_pending_authorization(
        request, read_query(request).get("transaction"), db, opened
    )
    if not isinstance(pending.step, AskConsent):
        return continue_with(pending)
    if not pending.step.membership.policy.admits(pending.client.client_id):
        return answer_forbidden(pending, pending.step, opened)
    catalogue = await read_catalogue(pending.authorization_request.resource, db, opened)
    question = await ask(pending, pending.step, catalogue, db, opened)
    if is_remembered(pending, question):
        return await _continue_silently(pending, pending.step, question, opened)
    return answer_page(pending, pending.step, question, question.suggested, opened)


@router.post("/consent")
async def answer_consent(request: Request, db: Db, opened: Opened, form: PickerForm) -> Response:
    """Take the person's answer: a grant of what they chose, or a refusal."""
    pending = await resolve_pending_authorization(request, form.get("transaction"), db, opened)
    if not isinstance(pending.step, AskConsent):
        return continue_with(pending)
    step, shown_hash = pending.step, form.get("catalogue") or ""
    catalogue = await find_catalogue(db, pending.authorization_request.resource, version=shown_hash)
    if catalogue is None:
        pending.forms.require(form.get("proof"), "consent-forbidden", step.membership.tenant_id)
        return await _deny(pending, step, db, opened)
    question = await ask(pending, step, catalogue, db, opened, lock=True)
    pending.forms.require(form.get("proof"), "consent", *question.shown(step))
    choice = question.read_choice(form)
    if form.get("preset") is not None:
        return answer_page(pending, step, question, choice, opened)
    match form.get("decision"):
        case "deny":
            return await _deny(pending, step, db, opened)
        case "approve":
            pass
        case _:
            text = "The form was sent without an answer. Go back and try again."
            raise PageError("Approve or deny", text)
    if not step.membership.policy.admits(pending.client.client_id):
        return answer_forbidden(pending, step, opened)
    if not choice.tools:
        return answer_page(
            pending, step, question, choice, opened, nothing_chosen="tool", status=400
        )
    try:
        data_scope = question.read_data(choice)
    except NothingChosen as kind:
        return answer_page(
            pending, step, question, choice, opened, nothing_chosen=str(kind), status=400
        )
    await _finish(pending, db, opened)
    url = await approve(pending, step, question, choice, data_scope, db, opened)
    return _leave(pending, url, opened, approved=True)


async def _continue_silently(
    pending: PendingAuthorization, step: AskConsent, question: Question, opened: Runtime
) -> Response:
    grant = question.before
    if grant is None:
        raise LookupError("what is remembered was granted before")
    async with opened.transaction() as db:
        await _finish(pending, db, opened)
        url = await issue_code(pending, grant, db, opened)
        remembered = Audit(
            "consent.remembered",
            person_id=step.person.person_id,
            client_id=pending.client.client_id,
            tenant_id=step.membership.tenant_id,
            grant_id=grant.grant_id,
            detail={"scope": pending.authorization_request.scope},
        )
        await record(db, remembered, now=opened.now())
    return _leave(pending, url, opened, approved=True)


async def _deny(
    pending: PendingAuthorization, step: AskConsent, db: DbSession, opened: Runtime
) -> Response:
    await _finish(pending, db, opened)
    denied = Audit(
        "consent.denied",
        person_id=step.person.person_id,
        client_id=pending.client.client_id,
        tenant_id=step.membership.tenant_id,
    )
    await record(db, denied, now=opened.now())
    url = error_url(
        pending.authorization_request.redirect_uri,
        AccessDenied("the person did not allow it"),
        state=pending.authorization_request.state,
        issuer=opened.settings.issuer,
    )
    return _leave(pending, url, opened, approved=False)


async def _finish(pending: PendingAuthorization, db: DbSession, opened: Runtime) -> None:
    if not await finish_authorization_request(
        db, pending.authorization_request.transaction_id, now=opened.now()
    ):
        raise PageError("You already answered this request", "You can return to your app.")


def _leave(pending: PendingAuthorization, url: str, opened: Runtime, *, approved: bool) -> Response:
    # A page that moves on by itself, not a redirect: browsers apply `form-action` to each hop that
    # follows a form, and an app's custom scheme would not pass it.
    return opened.pages.answer(
        "leave.html",
        client_name=pending.client.name,
        redirect_host=redirect_uris.redirect_host(pending.authorization_request.redirect_uri),
        url=url,
        approved=approved,
    )
