"""The plan requests table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class PlanRequest(SQLModel, table=True):
    """A member's wish for a larger plan or budget, which the tenant's admins see on their page."""

    __tablename__ = "plan_requests"

    tenant_id: str = Field(
        primary_key=True, max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE"
    )
    person_id: str = Field(
        primary_key=True, max_length=255, foreign_key="people.person_id", ondelete="CASCADE"
    )
    asked_at: datetime = Field(sa_type=UtcDateTime, index=True)
