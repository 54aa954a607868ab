"""The invitations table."""

from datetime import datetime

from sqlmodel import Field, SQLModel, UniqueConstraint

from auth_server.db.types import UtcDateTime


class Invitation(SQLModel, table=True):
    """An invitation that nobody has accepted yet; its id opens its page and proves nothing."""

    __tablename__ = "invitations"
    __table_args__ = (UniqueConstraint("tenant_id", "email"),)

    invitation_id: str = Field(primary_key=True, max_length=32)
    tenant_id: str = Field(max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE")
    email: str = Field(max_length=254)
    """The address in lower case."""
    role: str = Field(max_length=32)
    data_scope: str = Field(max_length=4096)
    invited_by: str | None = Field(
        default=None,
        max_length=255,
        foreign_key="people.person_id",
        ondelete="CASCADE",
        index=True,
    )
    """The admin; None for an operator."""
    sent_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
