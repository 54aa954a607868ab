"""Open the system that the settings name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
import structlog

from auth_server.billing.account import Billing
from auth_server.billing.prices import METER_EVENT
from auth_server.export_settings import (
    AwsMarketplaceExport,
    CloudEventsExport,
    MetronomeExport,
    StripeExport,
)
from auth_server.exports.aws_marketplace import AwsMarketplace
from auth_server.exports.aws_signing import make_signer
from auth_server.exports.cloud_events import CloudEvents
from auth_server.exports.customers import choose_customers
from auth_server.exports.exporting import Exporting
from auth_server.exports.http import open_http
from auth_server.exports.metronome import Metronome
from auth_server.exports.port import UsageExporter
from auth_server.exports.stripe_meters import StripeMeters
from auth_server.records.plans.store import list_plans
from auth_server.runtime import Basis

log = structlog.get_logger()


@asynccontextmanager
async def opened_exports(
    runtime: Basis,
    billing: Billing | None,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> AsyncIterator[Exporting | None]:
    """Open the export of usage, if the settings name a system; a transport replaces the network."""
    wanted, issuer = runtime.settings.usage_export, runtime.settings.issuer
    if wanted is None:
        if billing is not None:
            await _warn_of_unbilled_units(runtime)
        yield None
        return
    async with open_http(transport) as http:
        exporter: UsageExporter
        match wanted:
            case StripeExport():
                assert billing is not None  # noqa: S101 - the settings require the account
                exporter = StripeMeters(
                    billing.stripe,
                    meter_event=METER_EVENT,
                    carries_after=timedelta(hours=wanted.final_after_hours),
                )
            case MetronomeExport():
                exporter = Metronome(
                    http,
                    wanted.api_url,
                    token=wanted.token.get_secret_value(),
                    event_type=wanted.event_type,
                )
            case AwsMarketplaceExport():
                exporter = AwsMarketplace(
                    http,
                    f"https://metering.marketplace.{wanted.region}.amazonaws.com/",
                    sign=make_signer(wanted.region),
                    dimensions=wanted.dimensions,
                    product_code=wanted.product_code,
                )
            case CloudEventsExport():
                secret = wanted.authorization
                exporter = CloudEvents(
                    http,
                    wanted.url,
                    source=issuer,
                    authorization=None if secret is None else secret.get_secret_value(),
                    event_type=wanted.event_type,
                    batch=wanted.batch,
                    recognises=timedelta(days=wanted.recognised_days),
                )
        yield Exporting(
            exporter=exporter,
            customers=choose_customers(wanted),
            database=runtime.database,
            issuer=issuer,
            now=runtime.now,
        )


async def _warn_of_unbilled_units(runtime: Basis) -> None:
    async with runtime.database.reading() as db:
        plans = [plan.name for plan in await list_plans(db) if plan.price.steps]
    if plans:
        log.warning("usage_without_export", plans=plans)
