"""Compare what the exports of a tenant say with what the system that writes invoices counted."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import Refused
from auth_server.administration.money.books import read_month
from auth_server.administration.operator import ActingOperator
from auth_server.exports.exporting import Exporting
from auth_server.exports.port import SystemUnavailable
from auth_server.records.tenants.store import list_tenant_names
from auth_server.records.usage_exports.store import sum_confirmed_in
from gatepost.metering.plans import end_of_month, hour_of, month_of


class SystemTotalView(BaseModel):
    """The units of one tenant in a month, here and at the system."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    tenant_id: str
    tenant_name: str
    month: str
    system: str
    customer: str
    """The customer that pays for the tenant."""
    confirmed: int
    """The units of confirmed exports that count in this month."""
    counted: int | None
    """The units that the system counted for the customer; null if it can't tell."""


async def compare_with_system(
    exporting: Exporting | None,
    operator: ActingOperator,
    tenant_id: str,
    month: str = "",
    *,
    now: datetime,
) -> SystemTotalView:
    """Ask the system what it counted for a tenant's customer in a month.

    Args:
        exporting: the export of usage; None if the settings name no system.
        operator: who asks.
        tenant_id: the tenant.
        month: such as `2026-11`; empty for the present one.
        now: the time.

    Raises:
        Forbidden: `books:read` is missing.
        Refused: the settings name no system, the tenant has no customer there, the system does not
            answer, or the month is malformed.
    """
    operator.require("books:read")
    since = read_month(month, now=now)
    until = end_of_month(since)
    if exporting is None:
        raise Refused("system", "the settings name no system that writes invoices")
    exporter = exporting.exporter
    async with exporting.database.reading() as db:
        customer = (await exporting.customers.find(db, [tenant_id])).get(tenant_id)
        ours = await sum_confirmed_in(db, exporter.name, tenant_id, since=since, until=until)
        names = await list_tenant_names(db, [tenant_id])
    if customer is None:
        raise Refused("tenant_id", "the system knows no customer for this tenant")
    counted: int | None = 0
    try:
        for name in sorted({exporter.name_of(meter) for meter in ours}):
            total = await exporter.read_total(
                customer.name, name, since=since, until=min(until, _end_of_hour(now))
            )
            counted = None if total is None or counted is None else counted + total
    except SystemUnavailable as error:
        raise Refused("system", f"it does not answer: {error}") from error
    return SystemTotalView(
        tenant_id=tenant_id,
        tenant_name=names.get(tenant_id, tenant_id),
        month=month_of(since),
        system=exporter.name,
        customer=customer.name,
        confirmed=sum(ours.values()),
        counted=counted,
    )


def _end_of_hour(now: datetime) -> datetime:
    return hour_of(now) + timedelta(hours=1)
