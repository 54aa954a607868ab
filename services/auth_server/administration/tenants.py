"""Read and change tenants."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.money.plans import require_free_choice
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.plans.store import list_plans
from auth_server.records.tenants.store import lock_tenant, put_tenant, search_tenants
from auth_server.records.tenants.table import Tenant, is_one_segment
from auth_server.revocations.revoke import outdate_tokens


class TenantView(BaseModel):
    """A tenant as the console and the admin API show it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    tenant_id: str
    name: str
    plan: str
    required_level: int
    """The factors that people sign in with to connect an app: 1 or 2."""
    allowed_clients: tuple[str, ...] | None
    """Client ids and hosts; null allows every client."""
    read_only: bool
    created_at: datetime
    disabled_at: datetime | None


async def read_tenants(
    db: DbSession, operator: ActingOperator, *, search: str = "", after: str = "", limit: int
) -> Slice[TenantView]:
    """List tenants by id, those whose id or name contains `search`.

    Raises:
        Forbidden: `tenants:read` is missing.
    """
    operator.require("tenants:read")
    rows = await search_tenants(db, search, after=after, most=limit + 1)
    return cut([view_tenant(row) for row in rows], limit, place=lambda view: view.tenant_id)


async def read_tenant(db: DbSession, operator: ActingOperator, tenant_id: str) -> TenantView:
    """Show one tenant.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: it does not exist.
    """
    operator.require("tenants:read")
    return view_tenant(await _require_tenant(db, tenant_id))


async def set_tenant(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    *,
    name: str,
    plan: str,
    now: datetime,
) -> tuple[TenantView, bool]:
    """Add a tenant, or change its name and plan; return it, and whether it is new.

    Raises:
        Forbidden: `tenants:write` is missing.
        Refused: a value is invalid, or a subscription at Stripe decides about the plan.
    """
    operator.act(db, "tenants:write")
    if not 1 <= len(tenant_id) <= 255 or not tenant_id.isprintable():
        raise Refused("tenant_id", "must be 1 to 255 printable characters")
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise Refused("name", "must be 1 to 200 printable characters")
    known = await lock_tenant(db, tenant_id)
    if known is None and not is_one_segment(tenant_id):
        raise Refused("tenant_id", "must not contain / or be . or .., which URLs can't name")
    plans = [one.name for one in await list_plans(db)]
    if plan not in plans:
        raise Refused("plan", f"must be one of {', '.join(plans)}")
    if known is not None and known.rate_limit_tier != plan:
        await require_free_choice(db, tenant_id)
    row = Tenant(tenant_id=tenant_id, name=name, rate_limit_tier=plan, created_at=now)
    await put_tenant(db, row, now=now)
    put = Audit(
        "tenant.created" if known is None else "tenant.changed",
        tenant_id=tenant_id,
        detail={"name": name, "rate_limit_tier": plan},
    )
    await record(db, put, now=now)
    return view_tenant(await _require_tenant(db, tenant_id)), known is None


async def disable_tenant(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    disabled: bool,
    *,
    lifetime: timedelta,
    now: datetime,
) -> TenantView:
    """End all access to a tenant's data, or allow it again.

    Args:
        db: the open transaction.
        operator: who does it.
        tenant_id: the tenant.
        disabled: whether access ends.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant does not exist.
    """
    operator.act(db, "tenants:write")
    tenant = await _require_tenant(db, tenant_id)
    if disabled != (tenant.disabled_at is not None):
        tenant.disabled_at = now if disabled else None
        await db.flush()
        changed = Audit("tenant.changed", tenant_id=tenant_id, detail={"disabled": disabled})
        await record(db, changed, now=now)
        await outdate_tokens(db, "tenant", tenant_id, lifetime=lifetime, now=now)
    return view_tenant(tenant)


async def _require_tenant(db: DbSession, tenant_id: str) -> Tenant:
    tenant = await lock_tenant(db, tenant_id)
    if tenant is None:
        raise NotFound(f"the tenant {tenant_id} does not exist")
    return tenant


def view_tenant(row: Tenant) -> TenantView:
    """Describe a tenant."""
    return TenantView(
        tenant_id=row.tenant_id,
        name=row.name,
        plan=row.rate_limit_tier,
        required_level=row.required_level,
        allowed_clients=None if row.allowed_clients is None else tuple(row.allowed_clients),
        read_only=row.read_only,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )
