"""List and remove the e-mail domains that a tenant claims."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.tenancy.require import require_tenant
from auth_server.db.engine import DbSession
from auth_server.records.tenant_domains.store import list_domains
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.domains import RuleNeedsDomain, remove_domain


class DomainView(BaseModel):
    """A domain that a tenant claims."""

    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)

    domain: str
    claimed_at: datetime
    verified_at: datetime | None
    """Since when the tenant has proved it; null if it has not."""
    missing_since: datetime | None
    """Since when the record of a verified domain is missing."""


async def read_domains(db: DbSession, operator: ActingOperator, tenant_id: str) -> list[DomainView]:
    """List the domains that a tenant claims, verified or not, by name.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    await require_tenant(db, tenant_id)
    return [DomainView.model_validate(row) for row in await list_domains(db, tenant_id)]


async def end_domain(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    domain: str,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """End a tenant's claim on a domain, whether or not it is verified.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant does not claim the domain.
        Refused: the tenant's members must sign in with its provider, which needs the domain.
    """
    operator.act(db, "tenants:write")
    try:
        await remove_domain(db, tenant_id, domain, by=None, lifetime=lifetime, now=now)
    except RuleNeedsDomain:
        rule = "is needed by the provider with which members must sign in; lift that rule first"
        raise Refused("domain", rule) from None
    except ChangeRefused:
        raise NotFound(f"the tenant {tenant_id[:200]} does not claim {domain[:253]}") from None
