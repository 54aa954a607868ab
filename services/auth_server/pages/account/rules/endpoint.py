"""POST /account/organisation/rules: an admin sets the policy of their tenant."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from auth_server.pages.account.admin import PAGE, Admin, posted_admin
from auth_server.pages.account.organisations import RefusedRules, answer_organisation
from auth_server.records.tenants.policy import TenantPolicy, UnusablePolicy, require_policy
from auth_server.tenancy.change_policy import ChangeRefused, change_policy, require_own_level
from auth_server.web.dependencies import Clock, Db, Settings
from auth_server.web.forms import Parameters
from auth_server.web.posted_form import PostedForm
from auth_server.web.routing import PageRouter
from gatepost.approvals import parse_approval_rule

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
    entered = admin.membership.policy
    allowed = [*form.all("allow"), *(form.get("allowed_clients") or "").split()]
    try:
        entered = _read(form, allowed, before=entered)
        policy = require_policy(**asdict(entered))
        require_own_level(policy, admin.account.signed_in.session.level)
        await change_policy(
            db,
            admin.membership.tenant_id,
            policy,
            by=admin.person_id,
            lifetime=settings.longest_token_lifetime,
            now=now(),
        )
    except (UnusablePolicy, ChangeRefused) as error:
        refused = RefusedRules(str(error), entered, allowed)
        return await answer_organisation(admin, db, now(), refused=refused)
    return admin.account.lead_back(f"{admin.page}&saved=rules#rules")


def _read(form: Parameters, allowed: Sequence[str], *, before: TenantPolicy) -> TenantPolicy:
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
    api_keys = form.get("api_keys")
    approval = parse_approval_rule(form.get("approval") or before.approval)
    if approval is None:
        raise UnusablePolicy("The approval must be none, destructive or changes.")
    return TenantPolicy(
        required_level=level,
        allowed_clients=tuple(allowed) if form.get("clients") == "listed" else None,
        read_only=form.get("read_only") == "yes",
        longest_grant=longest,
        longest_token=before.longest_token if token_minutes is None else longest_token,
        api_keys=before.api_keys if api_keys is None else api_keys == "yes",
        approval=approval,
    )
