"""The console's pages of the books: a month, one tenant, one hour."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.money.books import read_books, read_month
from auth_server.administration.money.exports import link_customer
from auth_server.administration.money.hours import read_hour
from auth_server.administration.money.system_totals import compare_with_system
from auth_server.administration.money.tenant_books import Shown, read_tenants_books
from auth_server.administration.money.tenant_months import read_tenant_month
from auth_server.administration.paging import USUAL, read_instant
from auth_server.console.frame import (
    CONSOLE,
    Console,
    PostedConsole,
    ShownAlone,
    ShownConsole,
)
from auth_server.console.money.words import EXPORT_STATES, PROBLEMS, SYSTEMS
from auth_server.db.engine import DbSession
from auth_server.exports.exporting import ExportingInUse
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter
from gatepost.metering.plans import end_of_month, month_of, start_of_month

PAGE = f"{CONSOLE}/books"
TENANT = f"{PAGE}/tenant"
router = PageRouter()


@router.get(PAGE)
async def show_books(
    request: Request, console: ShownConsole, db: ReadingDb, settings: Settings, now: Clock
) -> Response:
    """Say whether the units of a month are exported, and list the tenants."""
    query, at = read_query(request), now()
    month = _month_of(query, at)
    shown: Shown = "all" if query.get("shown") == "all" else "unfinished"
    after, wanted = (query.get("after") or "")[:512], settings.usage_export
    return console.answer(
        "console/money/books.html",
        section="books",
        books=await read_books(db, console.operator, month, wanted=wanted, now=at),
        tenants=await read_tenants_books(
            db,
            console.operator,
            month,
            wanted=wanted,
            shown=shown,
            after=after,
            limit=USUAL,
            now=at,
        ),
        shown=shown,
        after=after,
        months=months_around(month, at),
        systems=SYSTEMS,
    )


@router.get(TENANT)
async def show_tenant(
    request: Request, console: ShownConsole, db: ReadingDb, settings: Settings, now: Clock
) -> Response:
    """Show a tenant's month day by day, or one day hour by hour."""
    query = read_query(request)
    return await _answer_tenant(console, db, settings, query, now())


@router.post(TENANT)
async def link(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Name the customer that a tenant is at the system to which usage is exported."""
    tenant_id, at = form.get("tenant") or "", now()
    try:
        await link_customer(
            db, console.operator, tenant_id, customer=form.get("customer") or "", now=at
        )
    except Refused as refused:
        return await _answer_tenant(console, db, settings, form, at, refused=refused)
    wanted = {"tenant": tenant_id, "month": _month_of(form, at), "saved": "yes"}
    return console.lead_back(f"{TENANT}?{urlencode(wanted)}")


@router.get(f"{TENANT}/system")
async def compare(
    request: Request, console: ShownAlone, exporting: ExportingInUse, now: Clock
) -> Response:
    """Ask the system what it counted for a tenant in a month."""
    console.operator.require("books:read")
    query, at = read_query(request), now()
    tenant_id, month = query.get("tenant") or "", _month_of(query, at)
    total, refused = None, None
    try:
        total = await compare_with_system(exporting, console.operator, tenant_id, month, now=at)
    except Refused as error:
        refused = error
    return console.answer(
        "console/money/system.html",
        section="books",
        tenant_id=tenant_id,
        month=month,
        total=total,
        refused=refused,
        systems=SYSTEMS,
    )


@router.get(f"{PAGE}/hour")
async def show_hour(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """Show the exports of an hour, and the calls in it."""
    query = read_query(request)
    after = (query.get("after") or "")[:512]
    view = await read_hour(
        db,
        console.operator,
        query.get("tenant") or "",
        query.get("meter") or "",
        _hour_of(query),
        after=after,
        limit=USUAL,
    )
    return console.answer(
        "console/money/hour.html",
        section="books",
        view=view,
        hour=view.hour,
        month=month_of(view.hour.hour),
        after=after,
        states=EXPORT_STATES,
        problems=PROBLEMS,
        systems=SYSTEMS,
    )


async def _answer_tenant(
    console: Console,
    db: DbSession,
    settings: AuthServerSettings,
    given: Parameters,
    now: datetime,
    *,
    refused: Refused | None = None,
) -> Response:
    after = (given.get("after") or "")[:512]
    view = await read_tenant_month(
        db,
        console.operator,
        given.get("tenant") or "",
        given.get("day") or given.get("month") or "",
        wanted=settings.usage_export,
        after=after,
        limit=USUAL,
        now=now,
    )
    return console.answer(
        "console/money/tenant.html",
        section="books",
        status=400 if refused else 200,
        view=view,
        tenant=view.tenant,
        system="" if settings.usage_export is None else settings.usage_export.kind,
        after=after,
        months=months_around(view.month, now),
        states=EXPORT_STATES,
        problems=PROBLEMS,
        systems=SYSTEMS,
        saved=given.get("saved") == "yes",
        refused=refused,
    )


def _month_of(given: Parameters, now: datetime) -> str:
    return month_of(read_month(given.get("month") or "", now=now))


def months_around(month: str, now: datetime) -> list[str]:
    """List a month, and those before and after it, up to the present one."""
    start = read_month(month, now=now)
    around = [start_of_month(start - timedelta(days=1)), start, end_of_month(start)]
    return [month_of(one) for one in around if one <= now or one == start]


def _hour_of(query: Parameters) -> datetime:
    hour = read_instant(query.get("hour") or "")
    if hour is None:
        raise NotFound("hour is not a time with its offset")
    return hour
