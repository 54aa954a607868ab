"""The open connection to Stripe, which everything in billing uses."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from auth_server.billing_settings import StripeSettings
from auth_server.db.engine import Database, OpenTransaction
from auth_server.runtime import Basis
from gatepost.clock import Now

if TYPE_CHECKING:
    from stripe import StripeClient

    from auth_server.billing.http_client import StripeHttp

MakeHttp = Callable[[], "StripeHttp"]


@dataclass(frozen=True, slots=True)
class Billing:
    """Stripe, the database, and the clock."""

    stripe: "StripeClient"
    settings: StripeSettings
    issuer: str
    database: Database
    transaction: OpenTransaction
    now: Now
    sells_credit: bool
    """Whether credit can be bought."""


async def _billing_of(request: Request) -> Billing | None:
    billing: Billing | None = getattr(request.state, "billing", None)
    return billing


BillingInUse = Annotated[Billing | None, Depends(_billing_of)]
"""The open connection to Stripe; None if the settings name no account."""


@asynccontextmanager
async def opened_billing(
    runtime: Basis, make_http: MakeHttp | None = None
) -> AsyncIterator[Billing | None]:
    """Open billing, if the settings name a Stripe account."""
    settings = runtime.settings.stripe
    if settings is None:
        yield None
        return
    async with open_stripe(settings, make_http) as client:
        yield Billing(
            stripe=client,
            settings=settings,
            issuer=runtime.settings.issuer,
            database=runtime.database,
            transaction=runtime.transaction,
            now=runtime.now,
            sells_credit=runtime.settings.admits_credit,
        )


@asynccontextmanager
async def open_stripe(
    settings: StripeSettings, make_http: MakeHttp | None = None
) -> AsyncIterator["StripeClient"]:
    """Open a client of Stripe; `make_http` replaces the network in tests."""
    # Imported here, because only servers with billing have the library.
    from stripe import StripeClient

    from auth_server.billing.http_client import StripeHttp

    http = (make_http or StripeHttp)()
    client = StripeClient(
        settings.secret_key.get_secret_value(),
        http_client=http,
        max_network_retries=3,
        base_addresses={"api": settings.api_url, "meter_events": settings.api_url},
    )
    try:
        yield client
    finally:
        await http.close_async()
