"""POST /account/organisation/end: an admin ends what a member connected in their tenant."""

from fastapi import Request
from starlette.responses import Response

from auth_server.pages.account.admin import PAGE, require_admin
from auth_server.pages.account.frame import lead_back, require_account_proof
from auth_server.records.grants.store import find_grant
from auth_server.revocations.revoke import revoke_grant
from auth_server.web.dependencies import Db, Opened
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.post(f"{PAGE}/end")
async def end_connection(request: Request, db: Db, opened: Opened, form: Form) -> Response:
    """End a grant of the tenant with everything issued from it; another tenant's is not touched."""
    admin = await require_admin(request, form.get("tenant"), db, opened)
    require_account_proof(
        form.get("proof"), admin.signed_in, opened, "organisation", admin.membership.tenant_id
    )
    grant = await find_grant(db, form.get("grant") or "")
    if grant is not None and grant.tenant_id == admin.membership.tenant_id:
        lifetime = opened.settings.access_token_lifetime
        reason = "ended by an admin of the tenant"
        await revoke_grant(db, grant.grant_id, reason, lifetime=lifetime, now=opened.now())
    return lead_back(opened, f"{admin.page}#connections")
