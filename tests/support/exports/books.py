"""The ledger of a server, and a system that counts its units."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from auth_server.db.engine import open_database
from auth_server.exports.exporting import Exporting
from auth_server.exports.run import export_usage
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.ledger.table import LedgerEntry
from auth_server.records.usage_exports.store import list_exports
from auth_server.records.usage_exports.table import ExportState, UsageExport
from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import hour_of
from support.exports.systems import Book, System
from support.in_process.call_events import call_event
from support.in_process.clock import Clock

ACME = "org_acme"
GLOBEX = "org_globex"


class Books:
    """What tenants have used, and what the system has counted."""

    def __init__(self, database_url: str, clock: Clock, system: System) -> None:
        """Open the database."""
        self.clock = clock
        self.system = system
        self.book = Book()
        self.database = open_database(database_url)
        self.exporting = Exporting(
            exporter=system.exporter,
            customers=self.book,
            database=self.database,
            issuer="http://127.0.0.1:8400",
            now=clock,
        )

    async def join(self, *tenants: str) -> None:
        """Make tenants customers."""
        for tenant in tenants:
            self.book.customers[tenant] = await self.system.join(tenant)

    async def call(self, units: int = 1, tenant: str = ACME, **changes: Any) -> CallEvent:
        """Write one call that costs units."""
        at = changes.pop("at", self.clock())
        given = {"meter": "calls", "outcome": "success", **changes}
        event = call_event(at, tenant_id=tenant, cost=units, **given)
        await self.write(event)
        return event

    async def write(self, *events: CallEvent) -> None:
        """Write calls, as the worker does."""
        async with self.database.writing() as db, db.begin():
            await write_calls(db, events, now=self.clock())

    async def export(self) -> None:
        """Do what is due now."""
        await export_usage(self.exporting)

    async def export_later(self, **parts: float) -> None:
        """Let time pass, and do what is due then."""
        self.clock.advance(**parts)
        await self.export()

    async def settle(self) -> None:
        """Let every attempt be repeated until the system answers, at least once in each hour of five."""
        for _ in range(6):
            await self.export_later(minutes=55)

    async def used(self, tenant: str = ACME) -> int:
        """Sum a tenant's live units in the ledger."""
        query = select(func.coalesce(func.sum(col(LedgerEntry.units)), 0)).where(
            col(LedgerEntry.tenant_id) == tenant, col(LedgerEntry.env) == "live"
        )
        async with self.database.reading() as db:
            return int((await db.execute(query)).scalar_one())

    def counted(self, tenant: str = ACME) -> int:
        """Tell how many units the system has counted for a tenant."""
        return self.system.total(self.book.customers[tenant])

    async def exports(self, *states: ExportState) -> list[UsageExport]:
        """List the exports in these states, or all, the oldest first."""
        async with self.database.reading() as db:
            found = await list_exports(db, states or tuple(ExportState), most=10_000)
        return list(reversed(found))


@asynccontextmanager
async def open_books(database_url: str, clock: Clock, system: System) -> AsyncIterator[Books]:
    """Open the books ten minutes after the start of an hour."""
    until = hour_of(clock()) + timedelta(hours=1, minutes=10) - clock()
    clock.advance(seconds=until.total_seconds())
    books = Books(database_url, clock, system)
    try:
        yield books
    finally:
        await system.close()
        await books.database.close()
