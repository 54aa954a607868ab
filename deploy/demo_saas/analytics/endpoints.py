"""Figures at once, and a report that takes its time."""

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
    """Get how work is going right now: tasks by status, overdue, unassigned, lately done."""
    return store.summarise(tenant, now=opened.now())


async def _take_time(
    _: InTenant,
    opened: Opened,
    delay: Annotated[
        float | None,
        Query(
            ge=0,
            le=30,
            description="How many seconds the report takes, to try out slow answers; about three "
            "where it is left out.",
        ),
    ] = None,
) -> None:
    # Waited for outside the thread pool, so that slow reports do not slow other requests down.
    await opened.sleep(opened.settings.slow_report_seconds if delay is None else delay)


@router.get("/analytics/delivery-report", dependencies=[Depends(_take_time)])
def get_delivery_report(tenant: InTenant, opened: Opened) -> DeliveryReport:
    """Get how far each open project has come. Takes some seconds: it adds everything up anew."""
    return store.report_delivery(tenant, now=opened.now())
