"""Assign the identity provider of a customer to its tenant."""

from collections.abc import Collection
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.tenant_domains.store import list_domains
from auth_server.records.tenant_providers.store import (
    add_assignment,
    drop_assignment,
    find_assignment,
    find_provider,
)
from auth_server.records.tenant_providers.table import TenantProvider
from auth_server.records.tenants.store import find_tenants, lock_tenant
from auth_server.tenancy.own_provider import end_other_sign_ins, lift_rule


class TenantProviderView(BaseModel):
    """A tenant's own identity provider, and the domains whose people it signs in."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    tenant_id: str
    provider: str | None
    """The name of its entry in `sign_in`; null if the tenant has none."""
    required_since: datetime | None
    """Since when members act for the tenant only in sessions of the provider; null without this rule."""
    verified_domains: tuple[str, ...]


async def read_provider(
    db: DbSession, operator: ActingOperator, tenant_id: str
) -> TenantProviderView:
    """Show a tenant's own provider.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    tenant = (await find_tenants(db, [tenant_id])).get(tenant_id)
    if tenant is None:
        raise NotFound(f"the tenant {tenant_id[:200]} does not exist")
    assignment = await find_provider(db, tenant_id)
    domains = await list_domains(db, tenant_id)
    return TenantProviderView(
        tenant_id=tenant_id,
        provider=assignment.provider if assignment else None,
        required_since=tenant.provider_only_since,
        verified_domains=tuple(one.domain for one in domains if one.verified_domain),
    )


async def assign_provider(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    provider: str | None,
    *,
    customers: Collection[str],
    lifetime: timedelta,
    now: datetime,
) -> TenantProviderView:
    """Give a tenant its own provider, or none.

    Sessions of the former one end at once, with the connections and API keys that they allowed.

    Args:
        db: the open transaction.
        operator: who does it.
        tenant_id: the tenant.
        provider: the provider's name in the settings.
        customers: the names of the providers with `customer: true`.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant does not exist.
        Refused: the settings have no customer's provider of this name, another tenant has it, or the
            tenant's members must sign in with the former one.
    """
    operator.act(db, "tenants:write")
    await lock_tenant(db, tenant_id)
    before = await read_provider(db, operator, tenant_id)
    if provider == before.provider:
        return before
    if before.required_since is not None:
        raise Refused(
            "provider", f"members must sign in with {before.provider}; lift that rule first"
        )
    if provider is not None and provider not in customers:
        known = ", ".join(sorted(customers)) or "none"
        raise Refused("provider", f"must be a provider with customer: true in sign_in: {known}")
    taken = await find_assignment(db, provider) if provider is not None else None
    if taken is not None:
        raise Refused("provider", f"is assigned to {taken.tenant_id}")
    former = await find_provider(db, tenant_id)
    if former is not None:
        detail = {"provider": former.provider}
        await drop_assignment(db, former)
        await record(db, Audit("provider.withdrawn", tenant_id=tenant_id, detail=detail), now=now)
    if provider is not None:
        assignment = TenantProvider(provider=provider, tenant_id=tenant_id, assigned_at=now)
        if not await add_assignment(db, assignment):
            raise Refused("provider", "was just assigned to another tenant")
        detail = {"provider": provider}
        await record(db, Audit("provider.assigned", tenant_id=tenant_id, detail=detail), now=now)
    if former is not None:
        await end_other_sign_ins(db, tenant_id, lifetime=lifetime, now=now)
    return await read_provider(db, operator, tenant_id)


async def lift_provider_rule(
    db: DbSession, operator: ActingOperator, tenant_id: str, *, now: datetime
) -> TenantProviderView:
    """Let members sign in in every way again, for a tenant that has locked itself out.

    Only an admin of the tenant can switch the rule on, in a session of its provider.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant does not exist.
    """
    operator.act(db, "tenants:write")
    await read_provider(db, operator, tenant_id)
    await lift_rule(db, tenant_id, by=None, now=now)
    return await read_provider(db, operator, tenant_id)
