"""GET and POST /tenant."""

from fastapi import Request
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.next_step import AskConsent, ChooseTenant, StepUp
from auth_server.flow.pending import continue_with, resolve_pending_authorization
from auth_server.records.authorization_requests.store import choose_tenant
from auth_server.web.dependencies import Db, Opened, ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.get("/tenant")
async def show_tenants(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Show the organisations a person may connect."""
    pending = await resolve_pending_authorization(
        request, read_query(request).get("transaction"), db, opened
    )
    if not isinstance(pending.step, ChooseTenant | StepUp | AskConsent):
        return continue_with(pending)
    person_id = pending.step.person.person_id
    return opened.pages.answer(
        "tenant.html",
        client_name=pending.client.name,
        email=pending.step.person.known_as,
        memberships=pending.step.memberships,
        chosen=pending.authorization_request.tenant_id,
        transaction=pending.authorization_request.transaction_id,
        proof=pending.forms.make("tenant", person_id),
        sign_out_proof=pending.forms.make("sign-in"),
    )


@router.post("/tenant")
async def choose(request: Request, db: Db, opened: Opened, form: Form) -> Response:
    """Note the chosen organisation, if the person is a member of it."""
    pending = await resolve_pending_authorization(request, form.get("transaction"), db, opened)
    if not isinstance(pending.step, ChooseTenant | StepUp | AskConsent):
        return continue_with(pending)
    pending.forms.require(form.get("proof"), "tenant", pending.step.person.person_id)
    tenant_id = form.get("tenant")
    if tenant_id not in {membership.tenant_id for membership in pending.step.memberships}:
        raise PageError(
            "Choose one of your organisations",
            "You are not a member of that organisation. Go back and choose again.",
            status=403,
            detail="tenant is not one of the person's",
        )
    await choose_tenant(db, pending.authorization_request.transaction_id, tenant_id)
    return continue_with(pending)
