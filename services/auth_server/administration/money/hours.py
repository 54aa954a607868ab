"""Show one hour of a tenant's units, with its exports and calls."""

from collections.abc import Sequence
from datetime import datetime

from auth_server.administration.errors import NotFound
from auth_server.administration.money.books import (
    Value,
)
from auth_server.administration.money.exports import UsageExportView
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import cut, read_place, write_place
from auth_server.db.engine import DbSession
from auth_server.exports.plan import HOUR
from auth_server.records.ledger.store import list_entries
from auth_server.records.metered_hours.store import (
    list_hours_of_tenant,
)
from auth_server.records.metered_hours.table import MeteredHour
from auth_server.records.tenants.store import list_tenant_names
from auth_server.records.usage_exports.store import (
    list_exports_of_hour,
)
from auth_server.records.usage_exports.table import ExportState
from gatepost.metering.plans import hour_of

_MOST_METERS = 1_000


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


class HourCallsView(Value):
    """One hour of one tenant and meter, and a part of its calls."""

    hour: HourView
    tenant_name: str
    calls: tuple[LedgerCallView, ...]
    next: str | None
    """Send it as `after` for more calls; null at the end."""


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
        hour=view_hour(row, [UsageExportView.of(one, names) for one in exports]),
        tenant_name=names.get(tenant_id, tenant_id),
        calls=tuple(LedgerCallView.model_validate(one, from_attributes=True) for one in part.rows),
        next=part.next or None,
    )


def view_hour(row: MeteredHour, exports: Sequence[UsageExportView]) -> HourView:
    """Describe an hour with its exports."""
    return HourView(**row.model_dump(), exports=tuple(exports))
