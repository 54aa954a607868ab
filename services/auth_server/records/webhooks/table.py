"""The tables of webhook endpoints and deliveries."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


class WebhookEndpoint(SQLModel, table=True):
    """A URL that receives events: of one tenant, or of all tenants if the operator owns it."""

    __tablename__ = "webhook_endpoints"

    endpoint_id: str = Field(primary_key=True, max_length=64)
    tenant_id: str | None = Field(
        default=None,
        max_length=255,
        foreign_key="tenants.tenant_id",
        ondelete="CASCADE",
        index=True,
    )
    """The owner; None for the operator."""
    url: str = Field(max_length=2048)
    types: list[str] = Field(sa_type=Json)
    """The names of the event types that it receives."""
    sealed_secret: bytes
    former_sealed_secret: bytes | None = Field(default=None)
    former_secret_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until when messages are also signed with the former secret."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The first failed attempt since the last successful one."""
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_reason: str = Field(default="", max_length=255)


class WebhookDelivery(SQLModel, table=True):
    """One message to one endpoint.

    `next_attempt_at` is when it is due, or until when the process that sends it now owns it; without
    it, the delivery is over.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("deliveries_due", "endpoint_id", "next_attempt_at"),
        Index("deliveries_of_an_endpoint", "endpoint_id", "created_at"),
    )

    message_id: str = Field(primary_key=True, max_length=64)
    endpoint_id: str = Field(
        primary_key=True,
        max_length=64,
        foreign_key="webhook_endpoints.endpoint_id",
        ondelete="CASCADE",
    )
    type: str = Field(max_length=64)
    payload: str
    """The JSON that is sent, byte for byte the same at each attempt."""
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    attempts: int = Field(default=0)
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    status_code: int | None = Field(default=None)
    """The status of the last answer; None if there was no answer."""
    answer: str = Field(default="", max_length=200)
    """The beginning of the last answer, or why there was none."""
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
