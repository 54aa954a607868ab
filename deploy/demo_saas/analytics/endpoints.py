"""Immediate figures, and a slow report."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from demo_saas.analytics import store
from demo_saas.analytics.models import DeliveryReport, Summary
from demo_saas.openapi import describes
from demo_saas.resources import Opened
from demo_saas.tenancy import InTenant

router = APIRouter(tags=["Analytics"], responses=describes(401, 403, 404, 422))


@router.get("/analytics/summary")
def get_analytics_summary(tenant: InTenant, opened: Opened) -> Summary:
    """Count tasks by status, and those that are overdue, unassigned or recently done."""
    return store.summarise(tenant, now=opened.now())


async def _take_time(
    _: InTenant,
    opened: Opened,
    delay: Annotated[
        float | None,
        Query(
            ge=0,
            le=30,
            description="The report's duration in seconds, to try slow answers. Default: about three.",
        ),
    ] = None,
) -> None:
    # Wait outside the thread pool, so that slow reports do not delay other requests.
    await opened.sleep(opened.settings.slow_report_seconds if delay is None else delay)


@router.get("/analytics/delivery-report", dependencies=[Depends(_take_time)])
def get_delivery_report(tenant: InTenant, opened: Opened) -> DeliveryReport:
    """Get the progress of each open project. This takes some seconds."""
    return store.report_delivery(tenant, now=opened.now())
