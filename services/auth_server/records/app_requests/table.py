"""The app requests table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class AppRequest(SQLModel, table=True):
    """An app that a member wants to connect, as the consent page showed it."""

    __tablename__ = "app_requests"

    request_id: str = Field(primary_key=True, max_length=64)
    """Made of the tenant, person and client, so that each has one request."""
    tenant_id: str = Field(
        max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE", index=True
    )
    person_id: str = Field(
        max_length=255, foreign_key="people.person_id", ondelete="CASCADE", index=True
    )
    client_id: str = Field(max_length=1024)
    client_name: str = Field(max_length=120)
    vouched_for: str = Field(max_length=2048)
    """Who vouches for the name: `operator`, the host of the client's document, or nobody."""
    redirect_host: str = Field(max_length=2048)
    scope: str = Field(max_length=2048)
    note: str = Field(max_length=500)
    asked_at: datetime = Field(sa_type=UtcDateTime, index=True)
