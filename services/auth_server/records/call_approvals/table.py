"""The call approvals table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class CallApproval(SQLModel, table=True):
    """A call of an app that an admin of the tenant is asked to approve."""

    __tablename__ = "call_approvals"

    approval_id: str = Field(primary_key=True, max_length=64)
    """Made of the caller, the gateway and the exact call, so that each has one request."""
    tenant_id: str = Field(
        max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE", index=True
    )
    sub: str = Field(max_length=255)
    """The person, or the service client itself."""
    client_id: str = Field(max_length=1024)
    client_name: str = Field(max_length=200)
    """The app's name, and after it those of the sub-agents that ask for it."""
    resource: str = Field(max_length=2048)
    tool: str = Field(max_length=128)
    title: str = Field(max_length=200)
    sealed: bytes
    """The arguments, sealed: a JSON array with a line for each."""
    state: str = Field(max_length=16)
    """`waiting`, `approved` or `declined`."""
    asked_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
