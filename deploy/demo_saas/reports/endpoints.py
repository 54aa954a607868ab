"""Begin a report, ask how far it is, read its result, or end the work on it."""

from typing import Annotated

from fastapi import APIRouter, Path

from demo_saas.analytics.models import DeliveryReport
from demo_saas.analytics.store import report_delivery
from demo_saas.errors import Conflict
from demo_saas.openapi import describes
from demo_saas.reports import store
from demo_saas.reports.models import NewReport, Report, ReportState
from demo_saas.resources import Opened
from demo_saas.tenancy import InTenant

router = APIRouter(tags=["Reports"], responses=describes(401, 403, 404, 422))

ReportId = Annotated[str, Path(description="The report's id.", examples=["rpt_5f3a09c1d2e4b687"])]
_FOLLOWED = {
    "x-mcp": {
        "task": {
            "status": "getReport",
            "id": "id",
            "state": "state",
            "states": {
                "working": ["queued", "running"],
                "completed": ["done"],
                "cancelled": ["cancelled"],
            },
            "message": "progress",
            "result": "getReportResult",
            "cancel": "cancelReport",
            "poll": 2,
        }
    }
}


@router.post("/reports", status_code=202, openapi_extra=_FOLLOWED)
def create_report(tenant: InTenant, new: NewReport, opened: Opened) -> Report:
    """Begin a report on the delivery of all open projects, which is prepared in the background."""
    seconds = opened.settings.slow_report_seconds if new.delay is None else new.delay
    return store.add_report(tenant, seconds=seconds, now=opened.now())


@router.get("/reports/{report_id}")
def get_report(tenant: InTenant, report_id: ReportId, opened: Opened) -> Report:
    """Get the state of a report. Its content is in `getReportResult` when it is done."""
    return store.require_report(tenant, report_id, now=opened.now())


@router.get("/reports/{report_id}/result", responses=describes(409))
def get_report_result(tenant: InTenant, report_id: ReportId, opened: Opened) -> DeliveryReport:
    """Get the content of a report that is done."""
    report = store.require_report(tenant, report_id, now=opened.now())
    if report.state is not ReportState.DONE or report.finished_at is None:
        raise Conflict(f"The report {report_id} is {report.state.value}, not done.")
    return report_delivery(tenant, now=report.finished_at)


@router.delete("/reports/{report_id}", openapi_extra={"x-mcp": {"destructive": False}})
def cancel_report(tenant: InTenant, report_id: ReportId, opened: Opened) -> Report:
    """End the work on a report. One that has ended stays what it is."""
    return store.cancel_report(tenant, report_id, now=opened.now())
