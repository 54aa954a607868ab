"""GET and POST /tenant."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.next_step import InTenant
from auth_server.flow.pending import (
    PendingAuthorization,
    ShownAuthorization,
    continue_with,
    posted_authorization,
)
from auth_server.records.authorization_requests.store import choose_tenant
from auth_server.web.dependencies import Db, LocalizedPages
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter

router = PageRouter()
PostedAuthorization = Annotated[PendingAuthorization, Depends(posted_authorization(PostedForm()))]


@router.get("/tenant")
async def show_tenants(pending: ShownAuthorization, pages: LocalizedPages) -> Response:
    """Show the tenants that the person can choose."""
    if not isinstance(pending.step, InTenant):
        return continue_with(pending)
    person_id = pending.step.person.person_id
    return pages.answer(
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
async def choose(form: Form, pending: PostedAuthorization, db: Db) -> Response:
    """Store the chosen tenant, if the person is a member of it."""
    if not isinstance(pending.step, InTenant):
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
