"""Find out by the system's totals whether ambiguous exports were counted."""

from datetime import timedelta

import structlog

from auth_server.exports.exporting import Exporting
from auth_server.exports.plan import HOUR
from auth_server.exports.port import SystemUnavailable
from auth_server.exports.resend import renew_identifier
from auth_server.records.usage_exports.store import (
    list_exports_counted_in,
    lock_ambiguous_exports,
)
from auth_server.records.usage_exports.table import ExportState, UsageExport
from gatepost.metering.plans import hour_of

_MOST = 20
_AGAIN = timedelta(hours=1)
_MISSING_FOR = timedelta(hours=24)
"""How long totals must show that an export is missing before it is sent under a new identifier."""
_OPEN = (ExportState.PLANNED, ExportState.SENT)

log = structlog.get_logger()


async def reconcile_exports(exporting: Exporting) -> int:
    """Compare the system's totals with some ambiguous exports; return how many were looked at.

    If the total of a customer's hour contains all of its ambiguous exports, they are confirmed. If it
    contains none for a day, they are sent again under new identifiers. Otherwise nobody can tell, and
    an operator has to decide.
    """
    now, exporter = exporting.now(), exporting.exporter
    async with exporting.database.writing() as db, db.begin():
        found = await lock_ambiguous_exports(db, exporter.name, now=now, most=_MOST)
        for export in found:
            export.next_attempt_at = now + _AGAIN
    for export in found:
        since = hour_of(export.at)
        name = exporter.name_of(export.meter)
        try:
            total = await exporter.read_total(
                export.customer, name, since=since, until=since + HOUR
            )
        except SystemUnavailable as error:
            log.warning("usage_not_reconciled", system=exporter.name, reason=str(error))
            break
        async with exporting.database.writing() as db, db.begin():
            together = await list_exports_counted_in(
                db, exporter.name, export.customer, since=since, until=since + HOUR
            )
            together = [one for one in together if exporter.name_of(one.meter) == name]
            _decide(exporting, together, total)
    return len(found)


def _decide(exporting: Exporting, together: list[UsageExport], total: int | None) -> None:
    now = exporting.now()
    doubtful = [one for one in together if one.state == ExportState.AMBIGUOUS]
    if total is None:
        return _park(doubtful, "the system can't tell whether it counted this")
    if any(one.state == ExportState.SENT for one in together):
        return None  # the total may change at any moment
    counted = sum(one.units for one in together if one.state == ExportState.CONFIRMED)
    waiting = sum(one.units for one in doubtful)
    for one in doubtful:
        if total == counted + waiting:
            one.state, one.confirmed_at, one.problem = ExportState.CONFIRMED, now, ""
        elif total != counted:
            one.missing_since = None
            one.problem = f"the system counts {total} units in this hour, not {counted + waiting}"
        elif one.missing_since is None:
            one.missing_since = now
        elif now - one.missing_since >= _MISSING_FOR:
            renew_identifier(one, exporting.issuer, now=now)
    if total not in (counted, counted + waiting) and doubtful:
        log.error(
            "usage_total_differs",
            system=exporting.exporter.name,
            tenant_id=doubtful[0].tenant_id,
            total=total,
            expected=counted + waiting,
        )
    return None


def _park(doubtful: list[UsageExport], problem: str) -> None:
    for one in doubtful:
        one.state, one.problem = ExportState.PARKED, problem
        log.error(
            "usage_export_parked",
            identifier=one.identifier,
            tenant_id=one.tenant_id,
            reason=problem,
        )
