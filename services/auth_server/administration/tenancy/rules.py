"""Read and change a tenant's rules for agents."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from auth_server.administration.errors import Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.tenancy.require import require_tenant
from auth_server.db.engine import DbSession
from auth_server.records.tenants.policy import UnusablePolicy, require_policy
from auth_server.records.tenants.table import Tenant
from auth_server.tenancy.change_policy import change_policy


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


async def read_rules(db: DbSession, operator: ActingOperator, tenant_id: str) -> Rules:
    """Show a tenant's rules.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    return _view(await require_tenant(db, tenant_id))


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
    minutes, days = rules.longest_token_minutes, rules.longest_grant_days
    try:
        policy = require_policy(
            required_level=rules.required_level,
            allowed_clients=rules.allowed_clients,
            read_only=rules.read_only,
            longest_grant=None if days is None else timedelta(days=days),
            api_keys=rules.api_keys,
            longest_token=None if minutes is None else timedelta(minutes=minutes),
        )
    except UnusablePolicy as error:
        raise Refused("rules", str(error)) from None
    return _view(await change_policy(db, tenant_id, policy, by=None, lifetime=lifetime, now=now))


def _view(tenant: Tenant) -> Rules:
    policy = tenant.policy
    longest, token = policy.longest_grant, policy.longest_token
    return Rules(
        required_level=policy.required_level,
        allowed_clients=policy.allowed_clients,
        read_only=policy.read_only,
        api_keys=policy.api_keys,
        longest_token_minutes=None if token is None else token / timedelta(minutes=1),
        longest_grant_days=None if longest is None else longest / timedelta(days=1),
    )
