"""POST /account/organisation/rules: an admin sets what agents may do in their tenant."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.pages.account.admin import PAGE, require_admin
from auth_server.pages.account.frame import lead_back, require_account_proof
from auth_server.pages.account.organisations import answer_organisation
from auth_server.records.tenants.policy import TenantPolicy, UnusablePolicy, require_policy
from auth_server.tenancy.change_policy import ChangeRefused, change_policy
from auth_server.web.dependencies import Db, Opened
from auth_server.web.forms import Parameters
from auth_server.web.posted_form import PostedForm
from auth_server.web.routing import PageRouter

router = PageRouter()
# Two hundred client ids that are URLs.
RulesForm = Annotated[Parameters, Depends(PostedForm(limit=512 * 1024))]


@router.post(f"{PAGE}/rules")
async def set_rules(request: Request, db: Db, opened: Opened, form: RulesForm) -> Response:
    """Store the whole policy; every token of the tenant feels it at once."""
    admin = await require_admin(request, form.get("tenant"), db, opened)
    require_account_proof(
        form.get("proof"), admin.signed_in, opened, "organisation", admin.membership.tenant_id
    )
    try:
        policy = _read(form)
        if policy.required_level > admin.signed_in.session.level:
            raise UnusablePolicy(
                "Sign in with two-step verification before you require it from members."
            )
        await change_policy(
            db,
            admin.membership.tenant_id,
            policy,
            by=admin.person_id,
            lifetime=opened.settings.access_token_lifetime,
            now=opened.now(),
        )
    except (UnusablePolicy, ChangeRefused) as error:
        return await answer_organisation(admin, db, opened, refused=str(error))
    return lead_back(opened, f"{admin.page}&saved=rules#rules")


def _read(form: Parameters) -> TenantPolicy:
    try:
        level = int(form.get("required_level") or "1")
        days = float(form.get("longest_days") or "0")
        longest = timedelta(days=days) if days > 0 else None
    except (ValueError, OverflowError):
        raise UnusablePolicy("The required_level and longest_days must be numbers.") from None
    listed = form.get("allowed_clients") or ""
    return require_policy(
        required_level=level,
        allowed_clients=listed.split() if form.get("clients") == "listed" else None,
        read_only=form.get("read_only") == "yes",
        longest_grant=longest,
    )
