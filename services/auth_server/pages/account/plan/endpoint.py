"""GET /account/plan: show a tenant's plan and usage to its members."""

from fastapi import Request
from starlette.responses import Response

from auth_server.billing.account import Billing, BillingInUse
from auth_server.billing.states import ENDED
from auth_server.catalogues.api_titles import list_api_titles
from auth_server.db.engine import DbSession
from auth_server.metering.usage_report import choose_plan, read_usage_report
from auth_server.pages.account.frame import Accounts
from auth_server.pages.account.plan.chart import draw_days
from auth_server.pages.account.plan.choices import list_choices
from auth_server.pages.account.plan.viewer import PAGE, Viewer, require_viewer
from auth_server.records.billing_accounts.store import find_account
from auth_server.records.people.store import find_people
from auth_server.records.plan_requests.store import list_requests
from auth_server.records.plans.store import list_plans
from auth_server.records.tenants.store import find_tenant, list_admins
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter
from gatepost.clock import Now

router = PageRouter()
_MOST_ADMINS = 20
_MOST_REQUESTS = 50


@router.get(PAGE)
async def show_plan(
    request: Request,
    db: ReadingDb,
    accounts: Accounts,
    billing: BillingInUse,
    settings: Settings,
    now: Clock,
) -> Response:
    """Show the plan and what is used of it; to admins also the whole usage, budgets and offers."""
    query = read_query(request)
    viewer = await require_viewer(accounts, query.get("tenant"), db)
    return await answer_plan(
        viewer,
        db,
        now,
        settings=settings,
        billing=billing,
        api=query.get("api") or "",
        done=query.get("done") or "",
    )


async def answer_plan(
    viewer: Viewer,
    db: DbSession,
    now: Now,
    *,
    settings: AuthServerSettings,
    billing: Billing | None,
    api: str = "",
    done: str = "",
    refused: str = "",
) -> Response:
    """Render the page.

    Args:
        viewer: the member who sees it.
        db: an open database session.
        now: the clock.
        settings: the settings, which name the gateways.
        billing: the connection to Stripe; without one, nothing can be bought.
        api: the API whose calls are divided; empty for those of all.
        done: the form that was just carried out: `asked` or `budgets`.
        refused: why a form was refused.
    """
    tenant, plans = await find_tenant(db, viewer.tenant_id), await list_plans(db)
    assert tenant is not None  # noqa: S101 - the viewer is a member of it
    plan = choose_plan(plans, tenant)
    report = await read_usage_report(db, tenant, plan, api=api, now=now())
    resources = settings.resource_names if report.apis else ()
    admins = await list_admins(db, viewer.tenant_id, most=_MOST_ADMINS)
    admin = viewer.membership.is_admin
    requests = await list_requests(db, viewer.tenant_id, since=tenant.plan_changed_at)
    asking = requests[:_MOST_REQUESTS] if admin else []
    people = await find_people(db, {*admins, *(one.person_id for one in asking)})
    subscription = await find_account(db, viewer.tenant_id)
    if subscription is not None and not subscription.subscription_id:
        subscription = None  # they only looked at Checkout
    return viewer.account.answer(
        "account/plan.html",
        section="organisations",
        status=400 if refused else 200,
        membership=viewer.membership,
        plan=plan,
        plans=[one for one in plans if one.listed or one.name == plan.name],
        report=report,
        api_titles=await list_api_titles(db, resources),
        chart=draw_days(report.days, report.at),
        subscription=subscription,
        alive=subscription is not None and subscription.status not in ENDED,
        sells=billing is not None,
        sells_credit=billing is not None and billing.sells_credit,
        admins=[people[one] for one in admins],
        requests=[(people[one.person_id], one) for one in asking if one.person_id in people],
        asked=any(one.person_id == viewer.person_id for one in requests),
        choices=await list_choices(db, viewer.tenant_id, report) if admin else None,
        done=done,
        refused=refused,
        proof=viewer.proof(),
    )
