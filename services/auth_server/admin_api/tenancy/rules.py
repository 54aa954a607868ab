"""/admin/v1/tenants/{tenant_id}/rules and /domains."""

from fastapi import APIRouter

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.tenancy.domains import DomainView, end_domain, read_domains
from auth_server.administration.tenancy.rules import Rules, read_rules, set_rules
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings

router = APIRouter(prefix="/tenants/{tenant_id}", tags=["tenants"])


@router.get("/rules")
async def show_rules(caller: Caller, db: ReadingDb, tenant_id: str) -> Rules:
    """Show the tenant's rules for agents. Requires `tenants:read`."""
    return await read_rules(db, caller, tenant_id)


@router.put("/rules")
async def put_rules(
    caller: Caller, db: Db, settings: Settings, now: Clock, tenant_id: str, rules: Rules
) -> Rules:
    """Replace all rules, with immediate effect on every token. Requires `tenants:write`."""
    lifetime = settings.longest_token_lifetime
    return await set_rules(db, caller, tenant_id, rules, lifetime=lifetime, now=now())


@router.get("/domains")
async def list_domains(caller: Caller, db: ReadingDb, tenant_id: str) -> list[DomainView]:
    """List the e-mail domains that the tenant claims. Requires `tenants:read`."""
    return await read_domains(db, caller, tenant_id)


@router.delete("/domains/{domain}", status_code=204)
async def delete_domain(
    caller: Caller, db: Db, settings: Settings, now: Clock, tenant_id: str, domain: str
) -> None:
    """End the tenant's claim on a domain. Requires `tenants:write`."""
    lifetime = settings.longest_token_lifetime
    await end_domain(db, caller, tenant_id, domain, lifetime=lifetime, now=now())
