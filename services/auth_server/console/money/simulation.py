"""The console's page that shows what a month would have cost on another plan."""

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import NotFound
from auth_server.administration.money.books import read_month
from auth_server.administration.money.plans import read_plans
from auth_server.administration.money.simulation import last_month, read_simulation
from auth_server.administration.paging import USUAL
from auth_server.console.frame import ShownConsole
from auth_server.console.money.books import months_around
from auth_server.console.money.plans import PAGE as PLAN
from auth_server.web.dependencies import Clock, ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter
from gatepost.metering.plans import month_of

PAGE = f"{PLAN}/simulation"
router = PageRouter()


@router.get(PAGE)
async def show_simulation(
    request: Request, console: ShownConsole, db: ReadingDb, now: Clock
) -> Response:
    """List the price of a month on the plan that each organisation has, and on another."""
    query, at = read_query(request), now()
    name, after = query.get("plan") or "", (query.get("after") or "")[:512]
    month = month_of(read_month(query.get("month") or last_month(at), now=at))
    tenant_id = (query.get("tenant") or "").strip()[:255]
    plans = await read_plans(db, console.operator)
    plan = next((one for one in plans if one.name == name), None)
    if plan is None:
        raise NotFound(f"the plan {name[:32]} does not exist")
    return console.answer(
        "console/money/simulation.html",
        section="plans",
        plan=plan,
        titles={one.name: one.title for one in plans},
        simulated=await read_simulation(
            db,
            console.operator,
            name,
            month,
            tenant_id=tenant_id,
            after=after,
            limit=USUAL,
            now=at,
        ),
        tenant_id=tenant_id,
        month=month,
        months=months_around(month, at),
        after=after,
    )
