"""The rows of reports; a report's state follows from its times."""

import json
import sqlite3
from datetime import datetime, timedelta

from demo_saas.clock import as_text
from demo_saas.errors import NotFound
from demo_saas.ids import new_id
from demo_saas.reports.models import Report, ReportState
from demo_saas.tenancy import Tenant

_QUEUED = 0.1
"""The share of its time in which a report waits for its turn."""


def add_report(tenant: Tenant, *, seconds: float, now: datetime) -> Report:
    """Begin a report on everything that the caller may see."""
    report_id = new_id("rpt")
    tenant.rows(
        """
        INSERT INTO main.reports (org_id, id, created_by, teams, created_at, seconds)
        VALUES (:org_id, :id, :user_id, :within, :now, :seconds)
        """,
        id=report_id,
        within=None if tenant.teams is None else json.dumps(sorted(tenant.teams)),
        now=as_text(now),
        seconds=seconds,
    )
    return require_report(tenant, report_id, now=now)


def require_report(tenant: Tenant, report_id: str, *, now: datetime) -> Report:
    """Return a report as it is now.

    Raises:
        NotFound: the caller has no report with this id.
    """
    row = tenant.row("SELECT * FROM reports WHERE id = :id", id=report_id)
    if row is None:
        raise NotFound(f"There is no report {report_id}.")
    return _read(row, now)


def cancel_report(tenant: Tenant, report_id: str, *, now: datetime) -> Report:
    """End the work on a report, unless it has ended.

    Raises:
        NotFound: as for `require_report`.
    """
    report = require_report(tenant, report_id, now=now)
    if report.finished_at is None:
        tenant.rows(
            """
            UPDATE main.reports SET cancelled_at = :now
            WHERE org_id = :org_id AND id IN (SELECT id FROM reports WHERE id = :id)
            """,
            id=report_id,
            now=as_text(now),
        )
    return require_report(tenant, report_id, now=now)


def _read(row: sqlite3.Row, now: datetime) -> Report:
    created = datetime.fromisoformat(row["created_at"])
    done = created + timedelta(seconds=row["seconds"])
    if row["cancelled_at"] is not None:
        state, finished = ReportState.CANCELLED, datetime.fromisoformat(row["cancelled_at"])
        said = "It was cancelled"
    elif now >= done:
        state, finished, said = ReportState.DONE, done, "It is ready"
    else:
        begun = created + timedelta(seconds=row["seconds"] * _QUEUED)
        state, finished = ReportState.QUEUED if now < begun else ReportState.RUNNING, None
        said = f"{(done - now).total_seconds():.0f} seconds are left"
    return Report(
        id=row["id"], state=state, progress=said, created_at=created, finished_at=finished
    )
