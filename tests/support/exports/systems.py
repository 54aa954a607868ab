"""Systems that count usage, each with the exporter for it."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, Protocol

import httpx2
import stripe
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth_server.billing.http_client import StripeHttp
from auth_server.db.engine import DbSession
from auth_server.exports.cloud_events import CloudEvents
from auth_server.exports.metronome import Metronome
from auth_server.exports.port import Customer, UsageExporter
from auth_server.exports.stripe_meters import StripeMeters
from auth_server.records.tenants.table import Tenant
from fake_stripe.account import Account
from fake_stripe.app import create_app
from fake_stripe.metronome import create_metronome
from support.exports.network import Network
from support.in_process.clock import Clock


class Book:
    """Who pays, as the test says it."""

    def __init__(self) -> None:
        """Start without customers."""
        self.customers: dict[str, Customer] = {}

    def select_tenants(self) -> SelectOfScalar[str]:
        """Select those in the book."""
        return select(Tenant.tenant_id).where(col(Tenant.tenant_id).in_(self.customers))

    async def find(self, _: DbSession, tenant_ids: Collection[str]) -> Mapping[str, Customer]:
        """Find those in the book."""
        return {one: self.customers[one] for one in tenant_ids if one in self.customers}


class System(Protocol):
    """A system, its exporter, and the network between them."""

    exporter: UsageExporter
    network: Network

    async def join(self, tenant_id: str) -> Customer:
        """Make a tenant a customer."""
        ...

    def total(self, customer: Customer) -> int:
        """Tell how many units the system has counted for a customer."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class FakeStripe:
    """A meter of the imitated Stripe."""

    def __init__(self, clock: Clock) -> None:
        """Start with an empty account."""
        self.account = Account(now=clock)
        self.network = Network(httpx2.ASGITransport(app=create_app(self.account)))
        self.http = StripeHttp(self.network)
        # Without the library's retries, every fault reaches the exporter.
        self.client = stripe.StripeClient(
            self.account.secret_key,
            http_client=self.http,
            max_network_retries=0,
            base_addresses={"api": self.account.url, "meter_events": self.account.url},
        )
        self.exporter: UsageExporter = StripeMeters(self.client, meter_event="units")

    async def join(self, tenant_id: str) -> Customer:
        """Create the customer, and the meter with the first one."""
        if next(self.account.every("billing.meter"), None) is None:
            await self.client.v1.billing.meters.create_async(
                {
                    "display_name": "Units",
                    "event_name": "units",
                    "default_aggregation": {"formula": "sum"},
                }
            )
        return Customer((await self.client.v1.customers.create_async({"name": tenant_id})).id)

    def total(self, customer: Customer) -> int:
        """Sum the customer's meter events."""
        return sum(
            event["value"] for event in self.account.usage if event["customer"] == customer.name
        )

    async def close(self) -> None:
        """Close the connections."""
        await self.http.close_async()


class FakeMetronome:
    """The imitated Metronome."""

    def __init__(self, clock: Clock) -> None:
        """Start without events."""
        self.account = Account(now=clock)
        self.network = Network(httpx2.ASGITransport(app=create_metronome(self.account)))
        self._http = httpx2.AsyncClient(transport=self.network)
        self.exporter: UsageExporter = Metronome(
            self._http,
            "http://metronome.test",
            token=self.account.secret_key,
            event_type="gatepost_usage",
        )

    async def join(self, tenant_id: str) -> Customer:
        """Customers are known by an alias of the operator's choice."""
        return Customer(tenant_id)

    def total(self, customer: Customer) -> int:
        """Sum the customer's events."""
        return sum(
            int(event["properties"]["units"])
            for event in self.account.ingested
            if event["customer_id"] == customer.name
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


class Receiver:
    """Counts CloudEvents, each source and id once."""

    def __init__(self, _: Clock, batch: int = 100) -> None:
        """Start without events."""
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        app = Starlette(routes=[Route("/events", self._take, methods=["POST"])])
        self.network = Network(httpx2.ASGITransport(app=app))
        self._http = httpx2.AsyncClient(transport=self.network)
        self.exporter: UsageExporter = CloudEvents(
            self._http,
            "http://meter.test/events",
            source="http://127.0.0.1:8400",
            authorization="Bearer secret",
            batch=batch,
        )

    async def join(self, tenant_id: str) -> Customer:
        """Everybody is a customer."""
        return Customer(tenant_id)

    def total(self, customer: Customer) -> int:
        """Sum the customer's events."""
        totals: Counter[str] = Counter()
        for event in self.events.values():
            totals[event["subject"]] += event["data"]["units"]
        return totals[customer.name]

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _take(self, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer secret":
            return Response(status_code=401)
        body = await request.json()
        kind = request.headers["content-type"].partition(";")[0]
        batched = kind == "application/cloudevents-batch+json"
        if not batched and kind != "application/cloudevents+json":
            return Response(status_code=415)
        for event in body if batched else [body]:
            if event["specversion"] != "1.0" or not event["type"] or not event["time"]:
                return Response(status_code=400)
            self.events.setdefault((event["source"], event["id"]), event)
        return Response(status_code=204)
