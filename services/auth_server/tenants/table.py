"""The tenants and memberships tables."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class Tenant(SQLModel, table=True):
    """A customer organisation; `tenant_id` is the id the SaaS knows it by.

    `required_level` is how surely its members must have signed in to connect anything.
    """

    __tablename__ = "tenants"

    tenant_id: str = Field(primary_key=True, max_length=255)
    name: str = Field(max_length=200)
    rate_limit_tier: str = Field(default="free", max_length=32)
    required_level: int = Field(default=1)
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Membership(SQLModel, table=True):
    """A person in a tenant, with a role and the data they may see there."""

    __tablename__ = "memberships"

    person_id: str = Field(
        primary_key=True, max_length=255, foreign_key="people.person_id", ondelete="CASCADE"
    )
    tenant_id: str = Field(
        primary_key=True, max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE"
    )
    role: str = Field(default="member", max_length=32)
    data_scope: str = Field(default="", max_length=4096)
