"""The tenants and memberships tables."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String
from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime
from auth_server.records.tenants.policy import TenantPolicy
from gatepost.approvals import ApprovalRule

ADMIN = "admin"
"""The role of people who may change the tenant's policy and memberships."""


class Tenant(SQLModel, table=True):
    """A customer organisation; `tenant_id` is its id in the SaaS product.

    `required_level`, `allowed_clients`, `read_only`, `longest_grant` and `longest_token` (in
    seconds), `api_keys` and `approval` make up its `policy`.
    """

    __tablename__ = "tenants"

    tenant_id: str = Field(primary_key=True, max_length=255)
    name: str = Field(max_length=200)
    rate_limit_tier: str = Field(default="free", max_length=32, index=True)
    required_level: int = Field(default=1)
    allowed_clients: list[str] | None = Field(default=None, sa_type=Json)
    read_only: bool = Field(default=False)
    longest_grant: int | None = Field(default=None)
    api_keys: bool | None = Field(default=None)
    longest_token: int | None = Field(default=None)
    approval: ApprovalRule | None = Field(default=None, sa_type=String(16))
    """None for tenants from before the rule, which is `none`."""
    budgets: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)
    """Each a `gatepost.metering.plans.Budget`."""
    plan_changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When the plan or the budgets last changed; gateways follow these times."""
    provider_only_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when members act for the tenant only in sessions of its own provider; None without the rule."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def policy(self) -> TenantPolicy:
        """The tenant's rules for agents."""
        clients, longest, token = self.allowed_clients, self.longest_grant, self.longest_token
        return TenantPolicy(
            required_level=self.required_level,
            allowed_clients=None if clients is None else tuple(clients),
            read_only=self.read_only,
            longest_grant=None if longest is None else timedelta(seconds=longest),
            api_keys=self.api_keys,
            longest_token=None if token is None else timedelta(seconds=token),
            approval=self.approval or "none",
        )


class Membership(SQLModel, table=True):
    """A person in a tenant, with a role and the data they may see there."""

    __tablename__ = "memberships"

    person_id: str = Field(
        primary_key=True, max_length=255, foreign_key="people.person_id", ondelete="CASCADE"
    )
    tenant_id: str = Field(
        primary_key=True,
        max_length=255,
        foreign_key="tenants.tenant_id",
        ondelete="CASCADE",
        index=True,
    )
    role: str = Field(default="member", max_length=32)
    data_scope: str = Field(default="", max_length=4096)
    break_glass_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when this admin may manage the tenant without its own provider; None for all others."""


def is_one_segment(tenant_id: str) -> bool:
    """Return whether the admin API's paths can name a tenant with this id."""
    return "/" not in tenant_id and tenant_id not in {".", ".."}
