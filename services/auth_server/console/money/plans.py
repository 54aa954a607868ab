"""The console's pages of plans: who has them, who asks for more, and their prices at Stripe."""

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.money.plans import (
    MOST_COUNTED,
    move_tenant,
    read_plan_requests,
    read_plan_tenants,
    read_plans,
)
from auth_server.administration.money.stripe_prices import (
    digest_changes,
    make_price_changes,
    read_price_changes,
)
from auth_server.administration.paging import USUAL
from auth_server.billing.account import BillingInUse
from auth_server.console.frame import (
    CONSOLE,
    Console,
    PostedAlone,
    PostedConsole,
    ShownAlone,
    ShownConsole,
)
from auth_server.db.engine import DbSession
from auth_server.web.dependencies import Clock, Db, ReadingDb
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

LIST = f"{CONSOLE}/plans"
PAGE = f"{CONSOLE}/plan"
PRICES = f"{LIST}/prices"
router = PageRouter()


@router.get(LIST)
async def list_plans(
    request: Request, console: ShownConsole, db: ReadingDb, billing: BillingInUse
) -> Response:
    """List the plans in force, and the members who ask for more."""
    after = (read_query(request).get("after") or "")[:512]
    return console.answer(
        "console/money/plans.html",
        section="plans",
        plans=await read_plans(db, console.operator),
        requests=await read_plan_requests(db, console.operator, after=after, limit=USUAL),
        after=after,
        most=MOST_COUNTED,
        has_billing=billing is not None,
    )


@router.get(PAGE)
async def show_plan(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """Show one plan and the tenants that have it."""
    return await _answer_plan(console, db, read_query(request))


@router.post(PAGE)
async def move(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Give a tenant this plan."""
    plan, tenant_id = form.get("plan") or "", (form.get("tenant") or "").strip()
    try:
        await move_tenant(db, console.operator, tenant_id, plan=plan, now=now())
    except NotFound as error:
        refused = Refused("tenant", str(error))
        return await _answer_plan(console, db, form, refused=refused)
    except Refused as refused:
        return await _answer_plan(console, db, form, refused=refused)
    return console.lead_back(f"{PAGE}?{urlencode({'plan': plan, 'saved': 'yes'})}")


@router.get(PRICES)
async def show_prices(request: Request, console: ShownAlone, billing: BillingInUse) -> Response:
    """Ask Stripe what it lacks for the plans."""
    console.operator.require("billing:read")
    return await _answer_prices(console, billing, saved=read_query(request).get("saved") == "yes")


@router.post(PRICES)
async def make_prices(console: PostedAlone, form: Form, billing: BillingInUse) -> Response:
    """Make the products and prices at Stripe that the page showed."""
    confirmed = form.get("shown") or ""
    try:
        await make_price_changes(billing, console.operator, confirmed=confirmed)
    except Refused as refused:
        return await _answer_prices(console, billing, refused=refused)
    return console.lead_back(f"{PRICES}?saved=yes")


async def _answer_prices(
    console: Console,
    billing: BillingInUse,
    *,
    saved: bool = False,
    refused: Refused | None = None,
) -> Response:
    status, changes = 400 if refused else 200, list[str]()
    try:
        changes = await read_price_changes(billing, console.operator)
    except Refused as error:
        refused = refused or error
    return console.answer(
        "console/money/prices.html",
        section="plans",
        status=status,
        changes=changes,
        shown=digest_changes(changes),
        refused=refused,
        saved=saved,
    )


async def _answer_plan(
    console: Console, db: DbSession, given: Parameters, *, refused: Refused | None = None
) -> Response:
    name, after = given.get("plan") or "", (given.get("after") or "")[:512]
    plans = await read_plans(db, console.operator)
    plan = next((one for one in plans if one.name == name), None)
    if plan is None:
        raise NotFound(f"the plan {name[:32]} does not exist")
    return console.answer(
        "console/money/plan.html",
        section="plans",
        status=400 if refused else 200,
        plan=plan,
        tenants=await read_plan_tenants(db, console.operator, name, after=after, limit=USUAL),
        after=after,
        saved=given.get("saved") == "yes",
        refused=refused,
    )
