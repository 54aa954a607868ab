"""POST /consent/ask: a member asks the admins for an app that the tenant does not allow."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from auth_server.flow.next_step import AskConsent
from auth_server.flow.pending import PendingAuthorization, continue_with, posted_authorization
from auth_server.pages.consent.page import Consent, vouched_for
from auth_server.records.app_requests.table import AppRequest
from auth_server.records.clients.redirect_uris import redirect_host
from auth_server.tenancy.app_requests import LONGEST_NOTE, ask_admins, name_request
from auth_server.web.dependencies import Clock, Db
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter

router = PageRouter()
PostedAuthorization = Annotated[PendingAuthorization, Depends(posted_authorization(PostedForm()))]


@router.post("/consent/ask")
async def ask(
    form: Form, pending: PostedAuthorization, db: Db, pages: Consent, now: Clock
) -> Response:
    """Store the request with the app as the page showed it, and tell the admins."""
    if not isinstance(pending.step, AskConsent):
        return continue_with(pending)
    step, client, asked = pending.step, pending.client, pending.authorization_request
    tenant_id = step.membership.tenant_id
    pending.forms.require(form.get("proof"), "consent-forbidden", tenant_id)
    host = redirect_host(asked.redirect_uri)
    if step.membership.policy.admits(client.client_id, host):
        return continue_with(pending)
    request = AppRequest(
        request_id=name_request(tenant_id, step.person.person_id, client.client_id),
        tenant_id=tenant_id,
        person_id=step.person.person_id,
        client_id=client.client_id,
        client_name=client.name,
        vouched_for=vouched_for(client),
        redirect_host=host,
        scope=asked.scope,
        note=" ".join((form.get("note") or "").split())[:LONGEST_NOTE],
        asked_at=now(),
    )
    stored = await ask_admins(db, request, now=now())
    return pages.show_forbidden(pending, step, asked="yes" if stored else "too often")
