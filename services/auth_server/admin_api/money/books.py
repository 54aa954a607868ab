"""/admin/v1/books: whether every billable unit is exported."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Instant, Limit, Page
from auth_server.administration.money.books import BooksView, read_books
from auth_server.administration.money.exports import (
    ShownExports,
    UsageExportView,
    decide_export,
    link_customer,
    read_exports,
)
from auth_server.administration.money.hours import HourCallsView, read_hour
from auth_server.administration.money.refused_events import (
    RefusedEventView,
    WrittenAgain,
    read_refused_events,
    write_refused_event,
)
from auth_server.administration.money.system_totals import (
    SystemTotalView,
    compare_with_system,
)
from auth_server.administration.money.tenant_books import Shown, TenantBooksView, read_tenants_books
from auth_server.administration.money.tenant_months import TenantMonthView, read_tenant_month
from auth_server.exports.exporting import ExportingInUse
from auth_server.gateway_api.write_again import write_again
from auth_server.web.dependencies import Clock, Db, OpenDatabase, ReadingDb, Settings, Transaction

router = APIRouter(prefix="/books", tags=["books"])
Month = Annotated[
    str, Query(max_length=16, description="A month in UTC such as `2026-11`; empty for this one.")
]


class Decision(BaseModel):
    """What becomes of an export."""

    model_config = ConfigDict(extra="forbid")

    counted: bool = Field(
        description="True if the system counted it; false sends it again under a new identifier, "
        "which counts twice what the system has counted."
    )


class Link(BaseModel):
    """The customer that a tenant is at the system to which usage is exported."""

    model_config = ConfigDict(extra="forbid")

    customer: str = Field(description="The customer as the system knows it.")
    licence: str = Field(default="", description="The ARN of the licence, for AWS Marketplace.")
    since: Instant | None = Field(
        default=None, description="When usage begins to count; null for now."
    )


@router.get("")
async def show_books(
    caller: Caller, db: ReadingDb, settings: Settings, now: Clock, month: Month = ""
) -> BooksView:
    """Say whether the units of a month are exported, and what is in the way. Requires `books:read`."""
    return await read_books(db, caller, month, wanted=settings.usage_export, now=now())


@router.get("/tenants")
async def list_books_of_tenants(
    caller: Caller,
    db: ReadingDb,
    settings: Settings,
    now: Clock,
    month: Month = "",
    shown: Annotated[
        Shown, Query(description="`unfinished` lists tenants with units that are not confirmed.")
    ] = "all",
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> Page[TenantBooksView]:
    """List the units of each tenant in a month, by id. Requires `books:read`."""
    found = await read_tenants_books(
        db,
        caller,
        month,
        wanted=settings.usage_export,
        shown=shown,
        after=after,
        limit=limit,
        now=now(),
    )
    return Page.of(found)


@router.get("/tenants/{tenant_id}")
async def show_books_of_tenant(
    caller: Caller,
    db: ReadingDb,
    settings: Settings,
    now: Clock,
    tenant_id: str,
    month: Annotated[
        str,
        Query(
            max_length=16,
            description="A month in UTC such as `2026-11`, or a day such as `2026-11-03`, which lists "
            "only the hours of that day; empty for this month.",
        ),
    ] = "",
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> TenantMonthView:
    """Show a tenant's month, by the day and by the hour, the newest first. Requires `books:read`."""
    return await read_tenant_month(
        db,
        caller,
        tenant_id,
        month,
        wanted=settings.usage_export,
        after=after,
        limit=limit,
        now=now(),
    )


@router.get("/tenants/{tenant_id}/calls")
async def show_hour(
    caller: Caller,
    db: ReadingDb,
    tenant_id: str,
    meter: Annotated[str, Query(max_length=255)],
    hour: Annotated[Instant, Query(description="A time in the hour.")],
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> HourCallsView:
    """Show the exports and the billable calls of one hour and meter. Requires `books:read`."""
    return await read_hour(db, caller, tenant_id, meter, hour, after=after, limit=limit)


@router.get("/tenants/{tenant_id}/system")
async def compare_system(
    caller: Caller, exporting: ExportingInUse, tenant_id: str, now: Clock, month: Month = ""
) -> SystemTotalView:
    """Ask the system what it counted for a tenant in a month. Requires `books:read`."""
    return await compare_with_system(exporting, caller, tenant_id, month, now=now())


@router.put("/tenants/{tenant_id}/customer", status_code=204)
async def put_customer(caller: Caller, db: Db, now: Clock, tenant_id: str, given: Link) -> Response:
    """Name the customer that pays for a tenant. Requires `books:write`."""
    await link_customer(
        db,
        caller,
        tenant_id,
        customer=given.customer,
        licence=given.licence,
        since=given.since,
        now=now(),
    )
    return Response(status_code=204)


@router.get("/exports")
async def list_exports(
    caller: Caller,
    db: ReadingDb,
    shown: Annotated[
        ShownExports,
        Query(description="`undecided` lists those that await the decision of an operator."),
    ] = "undecided",
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> Page[UsageExportView]:
    """List exports of usage, the newest first. Requires `books:read`."""
    return Page.of(await read_exports(db, caller, shown=shown, after=after, limit=limit))


@router.post("/exports/{identifier}/decision")
async def decide(
    caller: Caller, db: Db, settings: Settings, now: Clock, identifier: str, given: Decision
) -> UsageExportView:
    """Decide about a parked or ambiguous export. Requires `books:write`."""
    return await decide_export(
        db, caller, identifier, counted=given.counted, issuer=settings.issuer, now=now()
    )


@router.get("/refused")
async def list_refused(
    caller: Caller, db: ReadingDb, after: After = "", limit: Limit = USUAL_LIMIT
) -> Page[RefusedEventView]:
    """List call events that could not be read or stored, the newest first. Requires `books:read`."""
    return Page.of(await read_refused_events(db, caller, after=after, limit=limit))


@router.post("/refused/{digest}/write")
async def write_refused(
    caller: Caller, database: OpenDatabase, transaction: Transaction, now: Clock, digest: str
) -> WrittenAgain:
    """Write a refused call event again. Requires `books:write`."""
    return await write_refused_event(
        database, transaction, caller, digest, write_again=partial(write_again, now=now), now=now()
    )
