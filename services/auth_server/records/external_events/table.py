"""The external events table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class ExternalEvent(SQLModel, table=True):
    """An event of Stripe. Only the names are kept, because its object is read again at Stripe."""

    __tablename__ = "external_events"

    event_id: str = Field(primary_key=True, max_length=255)
    kind: str = Field(max_length=255)
    """Such as `customer.subscription.updated`; thin events have the prefix `v1.`."""
    object_type: str = Field(max_length=255)
    object_id: str = Field(max_length=255)
    tenant_id: str = Field(default="", max_length=255)
    """The tenant whose account was read for it; empty until then, and if it is about none."""
    received_at: datetime = Field(sa_type=UtcDateTime, index=True)
    processed_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    attempts: int = Field(default=0)
    problem: str = Field(default="", max_length=500)
    """Why the last attempt failed."""
