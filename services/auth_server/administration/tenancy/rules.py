"""Read and change a tenant's rules for agents."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from auth_server.administration.errors import Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.tenancy.require import require_tenant
from auth_server.db.engine import DbSession
from auth_server.records.tenants.policy import TenantPolicy, UnusablePolicy, require_policy
from auth_server.tenancy.change_policy import change_policy
from gatepost.approvals import ApprovalRule


class Rules(BaseModel):
    """A tenant's rules for agents. None has a default, so that leaving one out weakens nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    required_level: int = Field(ge=1, le=2)
    """The factors that people sign in with to connect an app: 1 or 2."""
    allowed_clients: tuple[str, ...] | None = Field(max_length=200)
    """Client ids and hosts; null allows every client, an empty list none."""
    read_only: bool
    """Whether agents get only the tools that read."""
    api_keys: bool | None
    """Whether members may have API keys; null means yes, unless `allowed_clients` is empty."""
    longest_token_minutes: float | None = Field(ge=1, le=1_440)
    """How long an access token lives at most; null for no limit."""
    longest_grant_days: float | None = Field(gt=0, le=3_650)
    """How long a connection lasts at most, after a person approved it; null for no limit."""
    approval: ApprovalRule
    """The calls that an admin must approve, in addition to those of tools whose manifest says so: of
    destructive tools, or of all that change something."""


async def read_rules(db: DbSession, operator: ActingOperator, tenant_id: str) -> Rules:
    """Show a tenant's rules.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    return view_policy((await require_tenant(db, tenant_id)).policy)


async def set_rules(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    rules: Rules,
    *,
    lifetime: timedelta,
    now: datetime,
) -> Rules:
    """Replace a tenant's rules, with immediate effect on every token.

    Args:
        db: the open transaction.
        operator: who does it.
        tenant_id: the tenant.
        rules: all rules.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant does not exist.
        Refused: a rule is invalid.
    """
    operator.act(db, "tenants:write")
    await require_tenant(db, tenant_id)
    policy = read_policy(rules)
    changed = await change_policy(db, tenant_id, policy, by=None, lifetime=lifetime, now=now)
    return view_policy(changed.policy)


def read_policy(rules: Rules) -> TenantPolicy:
    """Make the policy that rules describe.

    Raises:
        Refused: a rule is invalid.
    """
    minutes, days = rules.longest_token_minutes, rules.longest_grant_days
    try:
        return require_policy(
            required_level=rules.required_level,
            allowed_clients=rules.allowed_clients,
            read_only=rules.read_only,
            longest_grant=None if days is None else timedelta(days=days),
            api_keys=rules.api_keys,
            longest_token=None if minutes is None else timedelta(minutes=minutes),
            approval=rules.approval,
        )
    except UnusablePolicy as error:
        raise Refused("rules", str(error)) from None


def view_policy(policy: TenantPolicy) -> Rules:
    """Describe a policy as rules."""
    longest, token = policy.longest_grant, policy.longest_token
    return Rules(
        required_level=policy.required_level,
        allowed_clients=policy.allowed_clients,
        read_only=policy.read_only,
        api_keys=policy.api_keys,
        longest_token_minutes=None if token is None else token / timedelta(minutes=1),
        longest_grant_days=None if longest is None else longest / timedelta(days=1),
        approval=policy.approval,
    )
