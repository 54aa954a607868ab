"""Show how far the export of a month's units has come: by tenant, hour and call."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from auth_server.administration.errors import NotFound
from auth_server.administration.money.books import (
    DifferenceView,
    Value,
    over_before,
    read_differences,
    read_month,
)
from auth_server.administration.money.exports import UsageExportView
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut, read_place, write_place
from auth_server.db.engine import DbSession
from auth_server.export_settings import UsageExportSettings
from auth_server.exports.customers import choose_customers
from auth_server.exports.plan import HOUR
from auth_server.records.ledger.store import list_entries
from auth_server.records.metered_hours.store import (
    TenantUnits,
    list_hours_of_tenant,
    sum_tenants_of_month,
)
from auth_server.records.metered_hours.table import MeteredHour
from auth_server.records.tenants.store import list_tenant_names
from auth_server.records.usage_exports.store import (
    OpenUnits,
    list_exports_of_hour,
    list_exports_of_hours,
    sum_unconfirmed,
)
from auth_server.records.usage_exports.table import ExportState
from gatepost.metering.plans import end_of_month, hour_of, month_of

Shown = Literal["all", "unfinished"]
_MOST_NAMED = 1_000
_MOST_METERS = 1_000


class TenantBooksView(Value):
    """The live units of one tenant in a month."""

    tenant_id: str
    tenant_name: str
    units: int
    confirmed: int
    sending: int
    undecided: int
    unplanned: int
    """The units that belong to no export."""
    held_back: int
    since: datetime | None
    """The earliest hour of which units belong to no export."""
    has_customer: bool
    """Whether the system knows a customer for this tenant."""


class HourView(Value):
    """The live units of one tenant and meter in one hour, and their exports."""

    tenant_id: str
    meter: str
    hour: datetime
    units: int
    exported: int
    """The units that belong to exports."""
    problem: str
    """Why the other units can't be exported; empty if they can."""
    exports: tuple[UsageExportView, ...]

    @property
    def is_confirmed(self) -> bool:
        """Whether the system has confirmed every unit."""
        return self.units == sum(
            one.units for one in self.exports if one.state == ExportState.CONFIRMED
        )


class LedgerCallView(Value):
    """The ledger's entry of one call."""

    call_id: str
    at: datetime
    tool: str
    units: int


class TenantMonthView(Value):
    """One tenant's month: its units, what was found about it, and a part of its hours."""

    month: str
    tenant: TenantBooksView
    differences: tuple[DifferenceView, ...]
    hours: tuple[HourView, ...]
    next: str | None
    """Send it as `after` for more hours; null at the end."""


class HourCallsView(Value):
    """One hour of one tenant and meter, and a part of its calls."""

    hour: HourView
    tenant_name: str
    calls: tuple[LedgerCallView, ...]
    next: str | None
    """Send it as `after` for more calls; null at the end."""


async def read_tenants_books(
    db: DbSession,
    operator: ActingOperator,
    month: str = "",
    *,
    wanted: UsageExportSettings | None,
    shown: Shown = "all",
    after: str = "",
    limit: int,
    now: datetime,
) -> Slice[TenantBooksView]:
    """List the units of each tenant in a month by id, or only tenants with units that are not confirmed.

    Args:
        db: an open database session.
        operator: who asks.
        month: such as `2026-11`; empty for the present one.
        wanted: the setting `usage_export`.
        shown: which tenants to list.
        after: the id after which to begin.
        limit: the most tenants to list.
        now: the time.

    Raises:
        Forbidden: `books:read` is missing.
        Refused: the month is malformed.
    """
    operator.require("books:read")
    since = read_month(month, now=now)
    until = end_of_month(since)
    unconfirmed = await sum_unconfirmed(db, since=since, until=until)
    named = sorted(one.tenant_id for one in unconfirmed)[:_MOST_NAMED]
    rows = await sum_tenants_of_month(
        db,
        since=since,
        until=until,
        over_before=over_before(now),
        after=after,
        unfinished=None if shown == "all" else named,
        most=limit + 1,
    )
    views = await _tenant_views(db, rows, unconfirmed, wanted)
    return cut(views, limit, place=lambda view: view.tenant_id)


async def read_tenant_month(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    month: str = "",
    *,
    wanted: UsageExportSettings | None,
    after: str = "",
    limit: int,
    now: datetime,
) -> TenantMonthView:
    """Show the units of one tenant in a month, and its hours with their exports, the newest first.

    Args:
        db: an open database session.
        operator: who asks.
        tenant_id: the tenant, which may have been deleted.
        month: such as `2026-11`; empty for the present one.
        wanted: the setting `usage_export`.
        after: the `next` of the answer before.
        limit: the most hours to list.
        now: the time.

    Raises:
        Forbidden: `books:read` is missing.
        NotFound: neither the tenant nor any unit of it exists.
        Refused: the month or `after` is malformed.
    """
    operator.require("books:read")
    since = read_month(month, now=now)
    until = end_of_month(since)
    hours = await list_hours_of_tenant(
        db, tenant_id, since=since, until=until, before=read_place(after), most=limit + 1
    )
    names = await list_tenant_names(db, [tenant_id])
    if not hours and not names:
        raise NotFound(f"the tenant {tenant_id} does not exist")
    part = cut(hours, limit, place=lambda row: write_place(row.hour, row.meter))
    rows = await sum_tenants_of_month(
        db,
        since=since,
        until=until,
        over_before=over_before(now),
        tenant_id=tenant_id,
        most=1,
    )
    unconfirmed = await sum_unconfirmed(db, since=since, until=until, tenant_ids=[tenant_id])
    none = TenantUnits(tenant_id, 0, 0, 0, 0, None)
    [tenant] = await _tenant_views(db, rows or [none], unconfirmed, wanted)
    exports = defaultdict[tuple[str, datetime], list[UsageExportView]](list)
    if part.rows:
        for one in await list_exports_of_hours(
            db, tenant_id, since=part.rows[-1].hour, until=part.rows[0].hour + HOUR
        ):
            exports[one.meter, one.hour].append(UsageExportView.of(one, names))
    return TenantMonthView(
        month=month_of(since),
        tenant=tenant,
        differences=await read_differences(db, month_of(since), tenant_id),
        hours=tuple(_hour_view(row, exports[row.meter, row.hour]) for row in part.rows),
        next=part.next or None,
    )


async def read_hour(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    meter: str,
    hour: datetime,
    *,
    after: str = "",
    limit: int,
) -> HourCallsView:
    """Show the exports of an hour and the calls whose units they hold, the earliest first.

    Raises:
        Forbidden: `books:read` is missing.
        NotFound: the tenant has no units of this meter in this hour.
        Refused: `after` is malformed.
    """
    operator.require("books:read")
    since = hour_of(hour)
    found = await list_hours_of_tenant(
        db, tenant_id, since=since, until=since + HOUR, before=None, most=_MOST_METERS
    )
    row = next((one for one in found if one.meter == meter), None)
    if row is None:
        raise NotFound(f"{tenant_id} has no units of the meter {meter} in this hour")
    entries = await list_entries(
        db,
        tenant_id,
        meter,
        since=since,
        until=since + HOUR,
        after=read_place(after),
        most=limit + 1,
    )
    part = cut(entries, limit, place=lambda one: write_place(one.at, one.call_id))
    exports = await list_exports_of_hour(db, tenant_id, meter, since)
    names = await list_tenant_names(db, [tenant_id])
    return HourCallsView(
        hour=_hour_view(row, [UsageExportView.of(one, names) for one in exports]),
        tenant_name=names.get(tenant_id, tenant_id),
        calls=tuple(LedgerCallView.model_validate(one, from_attributes=True) for one in part.rows),
        next=part.next or None,
    )


async def _tenant_views(
    db: DbSession,
    rows: Sequence[TenantUnits],
    unconfirmed: Sequence[OpenUnits],
    wanted: UsageExportSettings | None,
) -> list[TenantBooksView]:
    ids = {row.tenant_id for row in rows}
    names = await list_tenant_names(db, ids)
    customers = {} if wanted is None else await choose_customers(wanted).find(db, ids)
    opened = {one.tenant_id: one for one in unconfirmed}
    views = []
    for row in rows:
        one = opened.get(row.tenant_id)
        sending, undecided = (one.sending, one.undecided) if one else (0, 0)
        views.append(
            TenantBooksView(
                tenant_id=row.tenant_id,
                tenant_name=names.get(row.tenant_id, row.tenant_id),
                units=row.units,
                confirmed=row.exported - sending - undecided,
                sending=sending,
                undecided=undecided,
                unplanned=row.units - row.exported - row.held_back,
                held_back=row.held_back,
                since=row.since,
                has_customer=row.tenant_id in customers,
            )
        )
    return views


def _hour_view(row: MeteredHour, exports: Sequence[UsageExportView]) -> HourView:
    return HourView(**row.model_dump(), exports=tuple(exports))
