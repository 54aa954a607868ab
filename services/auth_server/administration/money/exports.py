"""Look after exports of usage, and link tenants to the customers that pay for them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.db.engine import DbSession
from auth_server.exports.resend import renew_identifier
from auth_server.records.audit.store import Audit, record
from auth_server.records.export_customers.store import put_customer
from auth_server.records.export_customers.table import ExportCustomer
from auth_server.records.tenants.store import find_tenants, list_tenant_names
from auth_server.records.usage_exports.store import find_export, list_exports
from auth_server.records.usage_exports.table import ExportState, UsageExport

ShownExports = Literal["undecided", "sending", "all"]
_DECIDED_BY_PEOPLE = (ExportState.PARKED, ExportState.AMBIGUOUS)
_STATES: Mapping[ShownExports, tuple[ExportState, ...]] = {
    "undecided": _DECIDED_BY_PEOPLE,
    "sending": (ExportState.PLANNED, ExportState.SENT),
    "all": tuple(ExportState),
}


class UsageExportView(BaseModel):
    """Units of one tenant, meter and hour that a system counts under one identifier."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    number: int
    identifier: str
    system: str
    tenant_id: str
    tenant_name: str
    meter: str
    hour: datetime
    at: datetime
    """The time under which the system counts it; later than its hour if it is carried over."""
    sequence: int
    """Its number among the exports of the hour; from 1 on, its calls came late."""
    units: int
    customer: str
    """The customer that it was sent for."""
    state: str
    """`planned`, `sent`, `confirmed`, `ambiguous` or `parked`."""
    attempts: int
    next_attempt_at: datetime
    confirmed_at: datetime | None
    problem: str
    """Why the last attempt failed."""

    @classmethod
    def of(cls, row: UsageExport, names: Mapping[str, str]) -> Self:
        """Make the view of a row; `names` has the name of its tenant if the tenant exists."""
        return cls(
            **row.model_dump(exclude={"since", "first_attempt_at", "missing_since"}),
            tenant_name=names.get(row.tenant_id, row.tenant_id),
        )

    @property
    def awaits_decision(self) -> bool:
        """Whether an operator has to decide what becomes of it."""
        return self.state in _DECIDED_BY_PEOPLE


async def read_exports(
    db: DbSession,
    operator: ActingOperator,
    *,
    shown: ShownExports = "undecided",
    after: str = "",
    limit: int,
) -> Slice[UsageExportView]:
    """List exports, the newest first: those an operator has to decide about, those on their way, or all.

    Raises:
        Forbidden: `books:read` is missing.
        Refused: `after` is not the `next` of another page.
    """
    operator.require("books:read")
    if after and not (after.isascii() and after.isdigit() and len(after) < _DIGITS):
        raise Refused("after", "must be the `next` of the page before")
    rows = await list_exports(
        db, _STATES[shown], before=int(after) if after else None, most=limit + 1
    )
    names = await list_tenant_names(db, {row.tenant_id for row in rows})
    views = [UsageExportView.of(row, names) for row in rows]
    return cut(views, limit, place=lambda view: str(view.number))


async def decide_export(
    db: DbSession,
    operator: ActingOperator,
    identifier: str,
    *,
    counted: bool,
    issuer: str,
    now: datetime,
) -> UsageExportView:
    """Send a parked or ambiguous export again under a new identifier, or note that it was counted.

    Look first whether the system counted it: it would count the units twice.

    Args:
        db: the open transaction.
        operator: who decides.
        identifier: the export's identifier.
        counted: whether the system counted it, so that nothing is sent.
        issuer: the server's issuer.
        now: the time.

    Raises:
        Forbidden: `books:write` is missing.
        NotFound: the export does not exist.
        Refused: it is neither parked nor ambiguous.
    """
    operator.act(db, "books:write")
    export = await find_export(db, identifier)
    if export is None:
        raise NotFound(f"the export {identifier[:100]} does not exist")
    if export.state not in _DECIDED_BY_PEOPLE:
        raise Refused("identifier", f"{identifier} is not parked or ambiguous")
    if counted:
        export.state, export.confirmed_at, export.problem = ExportState.CONFIRMED, now, ""
    else:
        renew_identifier(export, issuer, now=now)
    detail: dict[str, str | int | bool | list[str]] = {
        "identifier": identifier,
        "units": export.units,
        "counted": counted,
    }
    decided = Audit("usage.export_decided", tenant_id=export.tenant_id, detail=detail)
    await record(db, decided, now=now)
    return UsageExportView.of(export, await list_tenant_names(db, [export.tenant_id]))


async def link_customer(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    *,
    customer: str,
    licence: str = "",
    since: datetime | None = None,
    now: datetime,
) -> None:
    """Name the customer that a tenant is at the system to which usage is exported.

    Args:
        db: the open transaction.
        operator: who does it.
        tenant_id: the tenant.
        customer: the customer as the system knows it.
        licence: the ARN of the licence, for AWS Marketplace.
        since: when usage begins to count; None for now.
        now: the time.

    Raises:
        Forbidden: `books:write` is missing.
        NotFound: the tenant does not exist.
        Refused: a value is empty or too long.
    """
    operator.act(db, "books:write")
    if not 1 <= len(customer) <= _LONGEST or not customer.isprintable():
        raise Refused("customer", "must be 1 to 255 printable characters")
    if len(licence) > _LONGEST or not licence.isprintable():
        raise Refused("licence", "must be at most 255 printable characters")
    if not await find_tenants(db, [tenant_id]):
        raise NotFound(f"the tenant {tenant_id} does not exist")
    row = ExportCustomer(
        tenant_id=tenant_id, customer=customer, licence=licence, since=since or now
    )
    await put_customer(db, row)
    detail = {"customer": customer, "licence": licence}
    linked = Audit("usage.customer_linked", tenant_id=tenant_id, detail=detail)
    await record(db, linked, now=now)


_LONGEST = 255
_DIGITS = 19
