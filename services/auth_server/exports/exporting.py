"""What exporting needs."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from auth_server.db.engine import Database
from auth_server.exports.customers import Customers
from auth_server.exports.port import UsageExporter
from gatepost.clock import Now


@dataclass(frozen=True, slots=True)
class Exporting:
    """The system, who its customers are, the database and the clock."""

    exporter: UsageExporter
    customers: Customers
    database: Database
    issuer: str
    """A part of each identifier, because two servers may export to one account."""
    now: Now


async def _exporting_of(request: Request) -> Exporting | None:
    exporting: Exporting | None = getattr(request.state, "exporting", None)
    return exporting


ExportingInUse = Annotated[Exporting | None, Depends(_exporting_of)]
"""The export of usage; None if the settings name no system."""
