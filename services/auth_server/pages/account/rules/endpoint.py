"""POST /account/organisation/rules: an admin sets the policy of their tenant."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from auth_server.pages.account.admin import PAGE, Admin, posted_admin
from auth_server.pages.account.organisations import answer_organisation
from auth_server.records.tenants.policy import TenantPolicy, UnusablePolicy, require_policy
from auth_server.tenancy.change_policy import ChangeRefused, change_policy
from auth_server.web.dependencies import Clock, Db, Settings
from auth_server.web.forms import Parameters
from auth_server.web.posted_form import PostedForm
from auth_server.web.routing import PageRouter

router = PageRouter()
# Enough for two hundred client ids that are URLs.
_FORM = PostedForm(limit=512 * 1024, repeated=frozenset({"allow"}))
RulesForm = Annotated[Parameters, Depends(_FORM)]
PostedAdmin = Annotated[Admin, Depends(posted_admin(_FORM))]


@router.post(f"{PAGE}/rules")
async def set_rules(
    form: RulesForm, admin: PostedAdmin, db: Db, settings: Settings, now: Clock
) -> Response:
    """Store the whole policy, with immediate effect on every token of the tenant."""
    try:
        policy = _read(form, admin.membership.policy)
        if policy.required_level > admin.account.signed_in.session.level:
            raise UnusablePolicy(
                "Sign in with two-step verification before you require it from members."
            )
        await change_policy(
            db,
            admin.membership.tenant_id,
            policy,
            by=admin.person_id,
            lifetime=settings.longest_token_lifetime,
            now=now(),
        )
    except (UnusablePolicy, ChangeRefused) as error:
        return await answer_organisation(admin, db, now(), refused=str(error))
    return admin.account.lead_back(f"{admin.page}&saved=rules#rules")


def _read(form: Parameters, before: TenantPolicy) -> TenantPolicy:
    try:
        level = int(form.get("required_level") or "1")
        days = float(form.get("longest_days") or "0")
        longest = timedelta(days=days) if days > 0 else None
        token_minutes = form.get("longest_token_minutes")
        minutes = float(token_minutes or "0")
        longest_token = timedelta(minutes=minutes) if minutes > 0 else None
    except (ValueError, OverflowError):
        raise UnusablePolicy(
            "The required_level, longest_days and longest_token_minutes must be numbers."
        ) from None
    listed = form.get("allowed_clients") or ""
    api_keys = form.get("api_keys")
    return require_policy(
        required_level=level,
        allowed_clients=[*form.all("allow"), *listed.split()]
        if form.get("clients") == "listed"
        else None,
        read_only=form.get("read_only") == "yes",
        longest_grant=longest,
        longest_token=before.longest_token if token_minutes is None else longest_token,
        api_keys=before.api_keys if api_keys is None else api_keys == "yes",
    )
