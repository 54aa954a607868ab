"""Say whether every billable unit of a month is exported, and what is in the way."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import read_instant
from auth_server.db.engine import DbSession
from auth_server.export_settings import UsageExportSettings
from auth_server.exports.customers import choose_customers
from auth_server.exports.plan import SETTLES_IN
from auth_server.records.book_comparisons.store import find_comparison, list_differences
from auth_server.records.book_comparisons.table import BookDifference
from auth_server.records.metered_hours.store import sum_month
from auth_server.records.tenants.store import list_tenant_names
from auth_server.records.usage.summary import UsageFilter, summarize_total
from auth_server.records.usage_exports.store import sum_unconfirmed
from gatepost.metering.plans import end_of_month, hour_of, month_of, start_of_month

Verdict = Literal["empty", "differ", "undecided", "waiting", "not_exported", "exported"]
MOST_DIFFERENCES = 50
"""The most differences that one answer lists."""


class Value(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class DifferenceView(Value):
    """Units of one tenant and meter on which the ledger and what is added up from it disagree."""

    tenant_id: str
    tenant_name: str
    env: str
    """`live`, or `test` for test keys."""
    meter: str
    ledger: int
    usage: int
    """The units in the usage by the hour."""
    metered: int
    """The units that are there to be exported."""


class ComparisonView(Value):
    """What the comparison that runs once a day found."""

    until: datetime
    """The end of the time that it compared."""
    compared_at: datetime
    ledger: int
    usage: int
    metered: int
    differences: int
    """How many differences it found."""


class BooksView(Value):
    """The live units of a month: what they are, and how far their export has come."""

    month: str
    """In UTC, such as `2026-11`."""
    system: str
    """The system that writes invoices; empty if the settings name none."""
    verdict: Verdict
    """`exported` if every unit that can be exported is; `differ` if the places disagree; `undecided` if
    an operator has to decide about an export; `waiting` if units are on their way."""
    units: int
    """The billable units."""
    confirmed: int
    """Those that the system has confirmed."""
    sending: int
    """Those of exports that are planned or sent."""
    undecided: int
    """Those of exports that are ambiguous or parked."""
    present: int
    """Those of the present hour, which is exported when it is over."""
    waiting: int
    """Those that can be exported and belong to no export yet."""
    without_customer: int
    """Those of tenants that have no customer in the system, such as tenants without a subscription."""
    held_back: int
    """Those that can't be exported: too old, or from before a subscription."""
    oldest: datetime | None
    """The earliest hour of which units wait or are being sent."""
    unfinished_tenants: int
    """The tenants whose units wait or are being sent."""
    unfinished_tenant: str
    """The name of that tenant if there is one only."""
    unknown_calls: int
    """The calls whose result nobody knows; they cost nothing."""
    compared: ComparisonView | None
    """Null if no comparison has run for this month."""
    differences: tuple[DifferenceView, ...]
    """The first ones that the comparison found."""


def read_month(text: str, *, now: datetime) -> datetime:
    """Return the start of a month such as `2026-11`; of the present one if the text is empty.

    Raises:
        Refused: it is not a month.
    """
    if not text:
        return start_of_month(now)
    month = read_instant(f"{text}-01T00:00+00:00")
    if month is None or month_of(month) != text:
        raise Refused("month", "must be a month such as 2026-11")
    return month


async def read_books(
    db: DbSession,
    operator: ActingOperator,
    month: str = "",
    *,
    wanted: UsageExportSettings | None,
    now: datetime,
) -> BooksView:
    """Say whether the units of a month are exported, and what is in the way.

    Args:
        db: an open database session.
        operator: who asks.
        month: such as `2026-11`; empty for the present one.
        wanted: the setting `usage_export`.
        now: the time.

    Raises:
        Forbidden: `books:read` is missing.
        Refused: the month is malformed.
    """
    operator.require("books:read")
    since = read_month(month, now=now)
    until = end_of_month(since)
    only = None if wanted is None else choose_customers(wanted).select_tenants()
    total = await sum_month(db, since=since, until=until, over_before=over_before(now), only=only)
    unconfirmed = await sum_unconfirmed(db, since=since, until=until)
    sending = sum(one.sending for one in unconfirmed)
    undecided = sum(one.undecided for one in unconfirmed)
    found = await find_comparison(db, month_of(since))
    compared = None if found is None else ComparisonView(**found.model_dump(exclude={"month"}))
    unfinished = {one.tenant_id for one in unconfirmed if one.sending}
    alone = set(filter(None, [total.first_waiting])) | unfinished
    number = max(len(alone), total.waiting_tenants)
    names = await list_tenant_names(db, alone if number == 1 else ())
    verdict: Verdict = "exported"
    if compared is not None and compared.differences:
        verdict = "differ"
    elif not total.units:
        verdict = "empty"
    elif undecided:
        verdict = "undecided"
    elif wanted is None:
        verdict = "not_exported"
    elif total.waiting or sending:
        verdict = "waiting"
    return BooksView(
        month=month_of(since),
        system="" if wanted is None else wanted.kind,
        verdict=verdict,
        units=total.units,
        confirmed=total.exported - sending - undecided,
        sending=sending,
        undecided=undecided,
        present=total.present,
        waiting=total.waiting,
        without_customer=total.without_customer,
        held_back=total.held_back,
        oldest=min(
            filter(None, [total.waiting_since, *(one.since for one in unconfirmed)]), default=None
        ),
        unfinished_tenants=number,
        unfinished_tenant=next((names.get(one, one) for one in alone), "") if number == 1 else "",
        unknown_calls=(await summarize_total(db, UsageFilter(since, until))).unknown,
        compared=compared,
        differences=await read_differences(db, month_of(since)),
    )


def over_before(now: datetime) -> datetime:
    """Return the time before which hours have to begin to be exported now."""
    return hour_of(now - SETTLES_IN)


async def read_differences(
    db: DbSession, month: str, tenant_id: str | None = None
) -> tuple[DifferenceView, ...]:
    """List the first differences that the newest comparison of a month found, of a tenant or of all."""
    found = await list_differences(db, month, tenant_id=tenant_id, most=MOST_DIFFERENCES)
    names = await list_tenant_names(db, {one.tenant_id for one in found})
    return tuple(_difference(one, names.get(one.tenant_id, one.tenant_id)) for one in found)


def _difference(one: BookDifference, name: str) -> DifferenceView:
    return DifferenceView(tenant_name=name, **one.model_dump(exclude={"month"}))
