"""Find the tenant that an operator names."""

from auth_server.administration.errors import NotFound
from auth_server.db.engine import DbSession
from auth_server.records.tenants.store import lock_tenant
from auth_server.records.tenants.table import Tenant


async def require_tenant(db: DbSession, tenant_id: str) -> Tenant:
    """Find a tenant, and lock it where the transaction writes.

    Raises:
        NotFound: it does not exist.
    """
    tenant = await lock_tenant(db, tenant_id)
    if tenant is None:
        raise NotFound(f"the tenant {tenant_id[:200]} does not exist")
    return tenant
