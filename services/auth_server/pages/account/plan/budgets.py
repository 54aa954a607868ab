"""POST /account/plan/budgets and …/remove: an admin caps the units of the tenant, a member, an app or a key."""

from typing import cast, get_args

from starlette.responses import Response

from auth_server.billing.account import BillingInUse
from auth_server.credits.spend_cap import follow_price, read_cap
from auth_server.db.engine import DbSession
from auth_server.metering.usage_report import choose_plan, read_usage_report
from auth_server.pages.account.plan.choices import list_choices
from auth_server.pages.account.plan.endpoint import answer_plan
from auth_server.pages.account.plan.viewer import PAGE, PostedAdmin, Viewer
from auth_server.records.plans.store import list_plans
from auth_server.records.tenants.store import find_tenant
from auth_server.rendering.translation import translatable
from auth_server.tenancy.change_budgets import put_budget, remove_budget
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.web.dependencies import Clock, Db, Settings
from auth_server.web.forms import Parameters
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter
from gatepost.clock import Now
from gatepost.metering.plans import Budget, BudgetKind

router = PageRouter()
_MOST_UNITS = (1 << 53) - 1


@router.post(f"{PAGE}/budgets")
async def set_budget(
    form: Form,
    viewer: PostedAdmin,
    db: Db,
    billing: BillingInUse,
    settings: Settings,
    now: Clock,
) -> Response:
    """Add the budget of the form, or replace the one of the same person, app, key or tenant."""
    try:
        budget = await _read_budget(form, viewer, db, now)
        await put_budget(db, viewer.tenant_id, budget, by=viewer.person_id, now=now())
    except ChangeRefused as error:
        return await answer_plan(
            viewer, db, now, settings=settings, billing=billing, refused=str(error)
        )
    return viewer.account.lead_back(f"{viewer.page}&done=budgets#budgets")


@router.post(f"{PAGE}/budgets/remove")
async def end_budget(
    form: Form,
    viewer: PostedAdmin,
    db: Db,
    billing: BillingInUse,
    settings: Settings,
    now: Clock,
) -> Response:
    """Remove a budget."""
    try:
        kind, key = _read_whose(form.get("whose") or "")
        await remove_budget(db, viewer.tenant_id, kind, key, by=viewer.person_id, now=now())
    except ChangeRefused as error:
        return await answer_plan(
            viewer, db, now, settings=settings, billing=billing, refused=str(error)
        )
    return viewer.account.lead_back(f"{viewer.page}&done=budgets#budgets")


async def _read_budget(form: Parameters, viewer: Viewer, db: DbSession, now: Now) -> Budget:
    kind, key = _read_whose(form.get("whose") or "")
    tenant, plans = await find_tenant(db, viewer.tenant_id), await list_plans(db)
    assert tenant is not None  # noqa: S101 - the viewer is a member of it
    plan = choose_plan(plans, tenant)
    hard = form.get("hard") != "no"
    if form.get("measure") == "money":
        if kind != "tenant" or key:
            raise ChangeRefused(
                translatable("Only the whole organisation can have a budget in money.")
            )
        amount = read_cap(form.get("units") or "", plan.price)
        cap = Budget(
            kind=kind,
            key="",
            monthly_units=0,
            hard=hard,
            amount=amount,
            currency=plan.price.currency,
        )
        return follow_price(cap, plan.price)
    units = form.get("units") or ""
    if not (units.isascii() and units.isdigit() and len(units) <= 16 and int(units) <= _MOST_UNITS):
        raise ChangeRefused(translatable("Enter the units a month as a whole number."))
    report = await read_usage_report(db, tenant, plan, now=now())
    choices = await list_choices(db, viewer.tenant_id, report)
    if not choices.offers(kind, key):
        raise ChangeRefused(translatable("Choose whose budget it is from the list."))
    return Budget(kind=kind, key=key, monthly_units=int(units), hard=hard)


def _read_whose(whose: str) -> tuple[BudgetKind, str]:
    kind, _, key = whose.partition(":")
    if kind not in get_args(BudgetKind):
        raise ChangeRefused(translatable("Choose whose budget it is from the list."))
    return cast("BudgetKind", kind), key
