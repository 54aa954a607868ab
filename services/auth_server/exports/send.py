"""Send exports, each under one identifier until it is known whether the system counted it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from auth_server.db.engine import DbSession
from auth_server.exports.exporting import Exporting
from auth_server.exports.plan import release_export, time_to_count
from auth_server.exports.port import Attempt, Customer, Kind, Rules, Usage
from auth_server.records.usage_exports.store import lock_due_exports, note_attempt
from auth_server.records.usage_exports.table import ExportState, UsageExport

_LEASE = timedelta(minutes=10)
"""How long an attempt belongs to the process that began it."""
_MARGIN = timedelta(hours=1)
"""How long before the system forgets an identifier it is sent for the last time."""
_SHORTEST = timedelta(minutes=1)
_LONGEST = timedelta(hours=1)
_LOST = Attempt(Kind.UNKNOWN, "the answer does not mention it")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Begun:
    export: UsageExport
    usage: Usage
    first_before: datetime | None
    """The earliest attempt before this one that may have been counted."""


async def send_exports(exporting: Exporting) -> int:
    """Send one batch of the exports that are due; return how many of them changed."""
    async with exporting.database.writing() as db, db.begin():
        due = await lock_due_exports(
            db, exporting.exporter.name, now=exporting.now(), most=exporting.exporter.rules.batch
        )
        customers = await exporting.customers.find(db, {export.tenant_id for export in due})
        begun = [
            one
            for export in due
            if (one := await _begin(db, exporting, export, customers)) is not None
        ]
    if begun:
        # The attempt is stored before it is made, so that a crash leaves no doubt that it may have been.
        attempts = await exporting.exporter.send([one.usage for one in begun])
        await _store(exporting, begun, attempts)
    return len(due)


async def _begin(
    db: DbSession, exporting: Exporting, export: UsageExport, customers: Mapping[str, Customer]
) -> _Begun | None:
    rules, now = exporting.exporter.rules, exporting.now()
    first, customer = export.first_attempt_at, customers.get(export.tenant_id)
    if first is not None and now - first >= rules.recognises - _MARGIN:
        _doubt(export, now)
        return None
    if first is None and (customer is None or _is_outdated(export, customer, rules, now)):
        # It was never counted: its units are planned again, for another time or customer.
        await release_export(db, export)
        return None
    if first is None and customer is not None:
        export.customer, export.first_attempt_at = customer.name, now
    export.state = ExportState.SENT
    export.attempts += 1
    export.next_attempt_at = now + _LEASE
    await db.flush()
    licence = customer.licence if customer is not None else ""
    usage = Usage(
        identifier=export.identifier,
        tenant_id=export.tenant_id,
        customer=Customer(export.customer, licence),
        meter=export.meter,
        at=export.at,
        units=export.units,
    )
    return _Begun(export, usage, first)


def _is_outdated(export: UsageExport, customer: Customer, rules: Rules, now: datetime) -> bool:
    """Return whether an export would be counted under another time if it were planned now."""
    if rules.once_an_hour:
        return now - export.at > rules.accepts
    return time_to_count(export.since, customer, rules, now) != export.at


def _doubt(export: UsageExport, now: datetime, problem: str = "") -> None:
    export.state, export.next_attempt_at, export.missing_since = ExportState.AMBIGUOUS, now, None
    export.problem = problem or export.problem


async def _store(
    exporting: Exporting, begun: Sequence[_Begun], attempts: Mapping[str, Attempt]
) -> None:
    now, failures = exporting.now(), []
    async with exporting.database.writing() as db, db.begin():
        for one in begun:
            attempt = attempts.get(one.export.identifier, _LOST)
            changes = _changes_after(one, attempt, now)
            if await note_attempt(db, one.export, **changes) and attempt.problem:
                failures.append((one, attempt, changes["state"]))
    for one, attempt, state in failures:
        if state == ExportState.PARKED:
            log.error(
                "usage_export_parked",
                identifier=one.export.identifier,
                tenant_id=one.export.tenant_id,
                reason=attempt.problem,
            )
    waiting = [failure for failure in failures if failure[2] != ExportState.PARKED]
    if waiting:
        log.warning(
            "usage_not_exported",
            system=exporting.exporter.name,
            exports=len(waiting),
            reason=waiting[0][1].problem,
        )


def _changes_after(one: _Begun, attempt: Attempt, now: datetime) -> dict[str, object]:
    problem = attempt.problem[:300]
    match attempt.kind:
        case Kind.COUNTED:
            return {"state": ExportState.CONFIRMED, "confirmed_at": now, "problem": ""}
        case Kind.REFUSED if one.first_before is None:
            return {"state": ExportState.PARKED, "problem": problem}
        case Kind.REFUSED:
            # An earlier attempt may have been counted nevertheless.
            return {"state": ExportState.AMBIGUOUS, "next_attempt_at": now, "problem": problem}
    pause = min(_SHORTEST * 2 ** min(one.export.attempts - 1, 10), _LONGEST)
    changes = {"problem": problem, "next_attempt_at": now + pause}
    if attempt.kind is Kind.LATER:
        # This attempt was not counted, so it does not begin the time in which the identifier counts.
        return {**changes, "state": ExportState.PLANNED, "first_attempt_at": one.first_before}
    return {**changes, "state": ExportState.SENT}
