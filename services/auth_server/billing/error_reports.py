"""Reports of meter events that Stripe took and refused afterwards."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from auth_server.billing.account import Billing
from auth_server.billing.errors import stripe_errors
from auth_server.records.usage_exports.store import doubt_exports, park_exports

ERROR_REPORTS = frozenset(
    {"v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"}
)
_AROUND = timedelta(hours=1)

log = structlog.get_logger()


async def take_error_report(billing: Billing, event_id: str) -> None:
    """Park the exports that a report names; if it leaves some out, doubt all from its time.

    A report names only samples. Exports that are in doubt are compared with the meter's totals.

    Raises:
        BillingError: Stripe refuses or does not answer.
    """
    with stripe_errors():
        event: Any = await billing.stripe.v2.core.events.retrieve_async(event_id)
    reason = event.data.reason
    named = defaultdict(list)
    for kind in reason.error_types:
        for sample in kind.sample_errors:
            named[kind.code].append(sample.request.identifier)
    parked = 0
    async with billing.transaction() as db:
        for code, identifiers in named.items():
            tenants = await park_exports(db, identifiers, code)
            parked += len(tenants)
            for tenant_id in tenants:
                log.error("usage_export_parked", tenant_id=tenant_id, reason=code)
        if parked < reason.error_count:
            created = _read_time(event.created)
            doubted = await doubt_exports(
                db, since=created - 2 * _AROUND, until=created + _AROUND, now=billing.now()
            )
            log.error(
                "usage_errors_reported",
                reason=", ".join(sorted(named)),
                errors=reason.error_count,
                doubted=doubted,
            )


def _read_time(value: str | datetime) -> datetime:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
