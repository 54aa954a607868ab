"""The gateways table."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


class ReportedGateway(SQLModel, table=True):
    """The last report of one process of a gateway."""

    __tablename__ = "gateways"

    instance: str = Field(primary_key=True, max_length=32)
    resource: str = Field(max_length=512)
    """The resource of the gateway, which authenticated with its key."""
    report: dict[str, Any] = Field(sa_type=Json)
    reported_at: datetime = Field(sa_type=UtcDateTime, index=True)
