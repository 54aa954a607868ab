"""POST /account/organisation/end: an admin ends a member's connection, or a sub-agent of it."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from auth_server.pages.account.admin import PAGE, Admin, posted_admin
from auth_server.records.audit.store import acting_for
from auth_server.records.grants.store import find_grant
from auth_server.tenancy.sub_agents import end_sub_agent, find_grant_of_sub_agent
from auth_server.tenancy.tenant_apps import end_connection as end_connection_of
from auth_server.web.dependencies import Clock, Db, Settings
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter

router = PageRouter()
PostedAdmin = Annotated[Admin, Depends(posted_admin(PostedForm()))]


@router.post(f"{PAGE}/end")
async def end_connection(
    form: Form, admin: PostedAdmin, db: Db, settings: Settings, now: Clock
) -> Response:
    """Revoke a grant of the tenant, or one sub-agent of it, but never another tenant's."""
    acting_for(db, admin.person_id)
    if delegation_id := form.get("delegation"):
        grant = await find_grant_of_sub_agent(db, delegation_id)
        if grant is not None and grant.tenant_id == admin.membership.tenant_id:
            await end_sub_agent(db, delegation_id, "admin", now=now())
        return admin.account.lead_back(f"{admin.page}#connections")
    grant = await find_grant(db, form.get("grant") or "")
    if grant is not None and grant.tenant_id == admin.membership.tenant_id:
        lifetime = settings.longest_token_lifetime
        await end_connection_of(db, grant, "admin", lifetime=lifetime, now=now())
    return admin.account.lead_back(f"{admin.page}#connections")
