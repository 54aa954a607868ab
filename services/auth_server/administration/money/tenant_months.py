"""Show one tenant's month: its units, what was found about it, and its hours."""

from collections import Counter, defaultdict
from datetime import datetime

from auth_server.administration.errors import NotFound
from auth_server.administration.money.books import (
    DifferenceView,
    Value,
    over_before,
    read_differences,
    read_month,
)
from auth_server.administration.money.exports import UsageExportView
from auth_server.administration.money.hours import HourView, view_hour
from auth_server.administration.money.tenant_books import TenantBooksView, view_tenants
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import cut, read_instant, read_place, write_place
from auth_server.db.engine import DbSession
from auth_server.export_settings import UsageExportSettings
from auth_server.exports.plan import HOUR
from auth_server.records.metered_hours.store import (
    TenantUnits,
    list_hours_of_tenant,
    sum_hours_of_tenant,
    sum_tenants_of_month,
)
from auth_server.records.tenants.store import list_tenant_names
from auth_server.records.usage_exports.store import (
    list_exports_of_hours,
    list_unconfirmed_of_tenant,
    sum_unconfirmed,
)
from gatepost.metering.plans import (
    day_of,
    end_of_day,
    end_of_month,
    month_of,
    start_of_month,
)


class DayView(Value):
    """The live units of one tenant in one day in UTC."""

    day: str
    """Such as `2026-11-03`."""
    units: int
    confirmed: int
    """Those that the system has confirmed."""
    sending: int
    """Those of exports that are planned or sent."""
    undecided: int
    """Those of exports that are ambiguous or parked."""
    unplanned: int
    """Those that belong to no export."""


class TenantMonthView(Value):
    """One tenant's month: its units, what was found about it, its days, and a part of its hours."""

    month: str
    day: str
    """The day whose hours are listed; empty for the whole month."""
    tenant: TenantBooksView
    differences: tuple[DifferenceView, ...]
    days: tuple[DayView, ...]
    """The days of the month with units, the newest first."""
    hours: tuple[HourView, ...]
    next: str | None
    """Send it as `after` for more hours; null at the end."""


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
        month: such as `2026-11`; empty for the present one. A day of it, such as `2026-11-03`, lists only
            the hours of that day.
        wanted: the setting `usage_export`.
        after: the `next` of the answer before.
        limit: the most hours to list.
        now: the time.

    Raises:
        Forbidden: `books:read` is missing.
        NotFound: neither the tenant nor any unit of it exists.
        Refused: the month, the day or `after` is malformed.
    """
    operator.require("books:read")
    day = _read_day(month)
    since = start_of_month(day) if day else read_month(month, now=now)
    until = end_of_month(since)
    hours = await list_hours_of_tenant(
        db,
        tenant_id,
        since=day or since,
        until=end_of_day(day) if day else until,
        before=read_place(after),
        most=limit + 1,
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
    [tenant] = await view_tenants(db, rows or [none], unconfirmed, wanted)
    exports = defaultdict[tuple[str, datetime], list[UsageExportView]](list)
    if part.rows:
        for one in await list_exports_of_hours(
            db, tenant_id, since=part.rows[-1].hour, until=part.rows[0].hour + HOUR
        ):
            exports[one.meter, one.hour].append(UsageExportView.of(one, names))
    return TenantMonthView(
        month=month_of(since),
        day=month if day else "",
        tenant=tenant,
        days=await _sum_days(db, tenant_id, since, until),
        differences=await read_differences(db, month_of(since), tenant_id),
        hours=tuple(view_hour(row, exports[row.meter, row.hour]) for row in part.rows),
        next=part.next or None,
    )


async def _sum_days(
    db: DbSession, tenant_id: str, since: datetime, until: datetime
) -> tuple[DayView, ...]:
    units, exported, sending, undecided = (Counter[str]() for _ in range(4))
    for hour, used, planned in await sum_hours_of_tenant(db, tenant_id, since=since, until=until):
        units[day_of(hour)] += used
        exported[day_of(hour)] += planned
    for hour, is_open, left in await list_unconfirmed_of_tenant(
        db, tenant_id, since=since, until=until
    ):
        (sending if is_open else undecided)[day_of(hour)] += left
    return tuple(
        DayView(
            day=day,
            units=used,
            confirmed=exported[day] - sending[day] - undecided[day],
            sending=sending[day],
            undecided=undecided[day],
            unplanned=used - exported[day],
        )
        for day, used in sorted(units.items(), reverse=True)
    )


def _read_day(text: str) -> datetime | None:
    """Return the start of a day such as `2026-11-03`; None if the text is not a day."""
    day = read_instant(f"{text}T00:00+00:00") if len(text) > len("2026-11") else None
    return day if day is not None and day_of(day) == text else None
