"""GET and POST /consent."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import (
    AccessDenied,
    ConsentRequired,
    InteractionRequired,
    PageError,
    TemporarilyUnavailable,
)
from auth_server.flow.next_step import AskConsent
from auth_server.flow.openid.silent import turn_back_pending
from auth_server.flow.pending import (
    PendingAuthorization,
    ShownAuthorization,
    continue_with,
    posted_authorization,
    record_progress,
)
from auth_server.flow.respond import error_url, send_to_client
from auth_server.pages.consent.approve import Approval, Approvals
from auth_server.pages.consent.catalogue import CataloguesInUse, read_catalogue
from auth_server.pages.consent.page import Consent, ConsentPages
from auth_server.pages.consent.remembered import is_remembered
from auth_server.pages.picker.data_choice import NothingChosen
from auth_server.pages.picker.form import PickerForm, picker_form
from auth_server.pages.picker.question import Question, ask
from auth_server.records.audit.store import Audit, record
from auth_server.records.authorization_requests.store import finish_authorization_request
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.clients.redirect_uris import redirect_host
from auth_server.web.dependencies import Db, ReadingDb, Settings, Transaction
from auth_server.web.routing import PageRouter

router = PageRouter()
PostedAuthorization = Annotated[PendingAuthorization, Depends(posted_authorization(picker_form()))]


@router.get("/consent")
async def show_consent(
    pending: ShownAuthorization,
    db: ReadingDb,
    settings: Settings,
    pages: Consent,
    catalogues: CataloguesInUse,
    approval: Approvals,
    transaction: Transaction,
) -> Response:
    """Show the app, where it receives the response, and the tools and data to choose from.

    With `prompt=none`, the app gets a code or a refusal instead.
    """
    if not isinstance(pending.step, AskConsent):
        return continue_with(pending)
    silent, issuer = pending.authorization_request.silent, settings.issuer
    if not _is_admitted(pending, pending.step):
        await record_progress(pending, "not_allowed", transaction)
        if silent:
            forbidden = InteractionRequired("the organisation does not allow this app")
            return turn_back_pending(pending, forbidden, issuer, pages.pages)
        return pages.show_forbidden(pending, pending.step)
    address = settings.find_address(pending.authorization_request.resource)
    try:
        catalogue = await read_catalogue(address.entry if address else None, db, catalogues)
    except PageError:
        if not silent:
            raise
        unavailable = TemporarilyUnavailable(
            "the tools of this MCP server can't be read; try again"
        )
        return turn_back_pending(pending, unavailable, issuer, pages.pages)
    question = await ask(pending, pending.step, catalogue, db, settings, approval.now())
    if is_remembered(pending, question, pending.step.own_provider) and await _was_told(
        question, db
    ):
        async with transaction() as writing:
            url = await _continue_silently(pending, pending.step, question, writing, approval)
        return send_to_client(url) if silent else pages.leave(pending, url, approved=True)
    if silent:
        refusal = ConsentRequired("the person has to approve the request")
        return turn_back_pending(pending, refusal, issuer, pages.pages)
    return await pages.show(pending, pending.step, question, question.suggested)


@router.post("/consent")
async def answer_consent(
    form: PickerForm, pending: PostedAuthorization, db: Db, pages: Consent, approval: Approvals
) -> Response:
    """Store the person's choice as a grant, or deny the request."""
    if not isinstance(pending.step, AskConsent):
        return continue_with(pending)
    step, shown_hash = pending.step, form.get("catalogue") or ""
    catalogue = await find_catalogue(db, pending.authorization_request.resource, version=shown_hash)
    if catalogue is None:
        pending.forms.require(form.get("proof"), "consent-forbidden", step.membership.tenant_id)
        return await _deny(pending, step, db, pages, approval)
    question = await ask(pending, step, catalogue, db, pages.settings, approval.now(), lock=True)
    pending.forms.require(form.get("proof"), "consent", *question.shown(step))
    choice = question.read_choice(form)
    if form.get("preset") is not None:
        return await pages.show(pending, step, question, choice)
    match form.get("decision"):
        case "deny":
            return await _deny(pending, step, db, pages, approval)
        case "approve":
            pass
        case _:
            text = "The form was sent without an answer. Go back and try again."
            raise PageError("Approve or deny", text)
    if not _is_admitted(pending, step):
        return pages.show_forbidden(pending, step)
    if not choice.tools:
        return await pages.show(pending, step, question, choice, nothing_chosen="tool", status=400)
    try:
        data_scope = question.read_data(choice)
    except NothingChosen as kind:
        return await pages.show(
            pending, step, question, choice, nothing_chosen=str(kind), status=400
        )
    await _finish(pending, db, "approved", approval.now())
    url = await approval.approve(pending, step, question, choice, data_scope, db)
    return pages.leave(pending, url, approved=True)


def _is_admitted(pending: PendingAuthorization, step: AskConsent) -> bool:
    host = redirect_host(pending.authorization_request.redirect_uri)
    return step.membership.policy.admits(pending.client.client_id, host)


async def _was_told(question: Question, db: DbSession) -> bool:
    """Return whether the person has read that the service counts the purposes of calls, if it does."""
    if question.before is None or not question.catalogue.asks_purpose:
        return True
    before = question.before
    seen = await find_catalogue(db, before.resource, version=before.catalogue_hash)
    return seen is not None and seen.asks_purpose


async def _continue_silently(
    pending: PendingAuthorization,
    step: AskConsent,
    question: Question,
    db: DbSession,
    approval: Approval,
) -> str:
    grant = question.before
    if grant is None:
        raise LookupError("a remembered consent must have a grant")
    await _finish(pending, db, "approved", approval.now())
    url = await approval.issue_code(pending, step, grant, db)
    remembered = Audit(
        "consent.remembered",
        person_id=step.person.person_id,
        client_id=pending.client.client_id,
        tenant_id=step.membership.tenant_id,
        grant_id=grant.grant_id,
        detail={"scope": pending.authorization_request.scope},
    )
    await record(db, remembered, now=approval.now())
    return url


async def _deny(
    pending: PendingAuthorization,
    step: AskConsent,
    db: DbSession,
    pages: ConsentPages,
    approval: Approval,
) -> Response:
    now = approval.now()
    await _finish(pending, db, "denied", now)
    denied = Audit(
        "consent.denied",
        person_id=step.person.person_id,
        client_id=pending.client.client_id,
        tenant_id=step.membership.tenant_id,
    )
    await record(db, denied, now=now)
    if pending.device is not None:
        await approval.answer_device(pending, pending.device, step, None, db)
        return pages.leave(pending, None, approved=False)
    url = error_url(
        pending.authorization_request.redirect_uri,
        AccessDenied("the person denied the request"),
        state=pending.authorization_request.state,
        issuer=pages.settings.issuer,
    )
    return pages.leave(pending, url, approved=False)


async def _finish(
    pending: PendingAuthorization,
    db: DbSession,
    answer: Literal["approved", "denied"],
    now: datetime,
) -> None:
    if not await finish_authorization_request(
        db, pending.authorization_request.transaction_id, answer, now=now
    ):
        raise PageError("You already answered this request", "You can return to your app.")
