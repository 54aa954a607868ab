"""Show how far the export of a month's units has come, by tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from auth_server.administration.money.books import (
    Value,
    over_before,
    read_month,
)
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.db.engine import DbSession
from auth_server.export_settings import UsageExportSettings
from auth_server.exports.customers import choose_customers
from auth_server.records.metered_hours.store import (
    TenantUnits,
    sum_tenants_of_month,
)
from auth_server.records.tenants.store import list_tenant_names
from auth_server.records.usage_exports.store import (
    OpenUnits,
    sum_unconfirmed,
)
from gatepost.metering.plans import end_of_month

Shown = Literal["all", "unfinished"]
_MOST_NAMED = 1_000


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
    views = await view_tenants(db, rows, unconfirmed, wanted)
    return cut(views, limit, place=lambda view: view.tenant_id)


async def view_tenants(
    db: DbSession,
    rows: Sequence[TenantUnits],
    unconfirmed: Sequence[OpenUnits],
    wanted: UsageExportSettings | None,
) -> list[TenantBooksView]:
    """Describe the units of tenants, with those whose exports are not confirmed."""
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
