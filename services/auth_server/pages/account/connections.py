"""POST /account/organisation/end: an admin ends a member's connection in their tenant."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from auth_server.pages.account.admin import PAGE, Admin, posted_admin
from auth_server.records.grants.store import find_grant
from auth_server.revocations.revoke import revoke_grant
from auth_server.web.dependencies import Clock, Db, Settings
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter

router = PageRouter()
PostedAdmin = Annotated[Admin, Depends(posted_admin(PostedForm()))]


@router.post(f"{PAGE}/end")
async def end_connection(
    form: Form, admin: PostedAdmin, db: Db, settings: Settings, now: Clock
) -> Response:
    """Revoke a grant of the tenant with everything issued from it, but never another tenant's."""
    grant = await find_grant(db, form.get("grant") or "")
    if grant is not None and grant.tenant_id == admin.membership.tenant_id:
        lifetime = settings.longest_token_lifetime
        reason = "ended by an admin of the tenant"
        await revoke_grant(db, grant.grant_id, reason, lifetime=lifetime, now=now())
    return admin.account.lead_back(f"{admin.page}#connections")
