"""/manage/v1/tenant and /manage/v1/usage: the organisation, for its admins; its usage, for all members."""

from fastapi import APIRouter

from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.admin_api.traffic.usage import OneApi
from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.tenancy.api_keys import TenantKeyView, read_tenant_keys
from auth_server.administration.tenancy.connections import TenantConnectionView, read_connections
from auth_server.administration.tenancy.rules import Rules, read_policy, view_policy
from auth_server.administration.usage import read_tenant_usage
from auth_server.entitlements.api_key import end_api_key
from auth_server.manage_api.authenticate import Caller
from auth_server.metering.usage_report import UsageReport
from auth_server.records.api_keys.store import find_key_by_id
from auth_server.records.grants.store import find_grant
from auth_server.records.tenants.policy import UnusablePolicy
from auth_server.tenancy.change_policy import ChangeRefused, change_policy, require_own_level
from auth_server.tenancy.sub_agents import end_sub_agent, find_grant_of_sub_agent
from auth_server.tenancy.tenant_apps import end_connection
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings

router = APIRouter(tags=["tenant"])


@router.get("/usage")
async def show_usage(caller: Caller, db: ReadingDb, now: Clock, api: OneApi = "") -> UsageReport:
    """Show the plan and the usage of this month, as all members see them. Requires `usage:read`."""
    caller.require_member("usage:read")
    return await read_tenant_usage(db, caller.as_reader, caller.tenant_id, api=api, now=now())


@router.get("/tenant/connections")
async def list_tenant_connections(
    caller: Caller, db: ReadingDb, now: Clock, after: After = "", limit: Limit = USUAL_LIMIT
) -> Page[TenantConnectionView]:
    """List the apps that members connected, by id. Requires `tenant_connections:read`."""
    caller.require_admin("tenant_connections:read")
    found = await read_connections(
        db, caller.as_reader, caller.tenant_id, after=after, limit=limit, now=now()
    )
    return Page.of(found)


@router.delete("/tenant/connections/{grant_id}", status_code=204)
async def delete_tenant_connection(
    caller: Caller, db: Db, settings: Settings, now: Clock, grant_id: str
) -> None:
    """End a member's connection. Requires `tenant_connections:write`."""
    caller.act_as_admin(db, "tenant_connections:write")
    grant = await find_grant(db, grant_id)
    if grant is None or grant.tenant_id != caller.tenant_id:
        raise NotFound("this connection has ended, or it is not one of this organisation")
    lifetime = settings.longest_token_lifetime
    await end_connection(db, grant, "admin", lifetime=lifetime, now=now())


@router.delete("/tenant/sub-agents/{delegation_id}", status_code=204)
async def delete_tenant_sub_agent(caller: Caller, db: Db, now: Clock, delegation_id: str) -> None:
    """End a sub-agent of a member's app. Requires `tenant_connections:write`."""
    caller.act_as_admin(db, "tenant_connections:write")
    grant = await find_grant_of_sub_agent(db, delegation_id)
    if (
        grant is None
        or grant.tenant_id != caller.tenant_id
        or not await end_sub_agent(db, delegation_id, "admin", now=now())
    ):
        raise NotFound("this sub-agent has ended, or it is not one of this organisation")


@router.get("/tenant/keys")
async def list_tenant_keys(caller: Caller, db: ReadingDb) -> list[TenantKeyView]:
    """List the API keys of members, the oldest first. Requires `tenant_keys:read`."""
    caller.require_admin("tenant_keys:read")
    return await read_tenant_keys(db, caller.as_reader, caller.tenant_id)


@router.delete("/tenant/keys/{key_id}", status_code=204)
async def delete_tenant_key(
    caller: Caller, db: Db, settings: Settings, now: Clock, key_id: str
) -> None:
    """Revoke a member's API key. Requires `tenant_keys:write`."""
    caller.act_as_admin(db, "tenant_keys:write")
    key = await find_key_by_id(db, key_id)
    is_ours = key is not None and key.tenant_id == caller.tenant_id
    lifetime = settings.longest_token_lifetime
    if not is_ours or not await end_api_key(db, key_id, lifetime=lifetime, now=now()):
        raise NotFound("this key is revoked, or it is not one of this organisation")


@router.get("/tenant/rules")
async def show_rules(caller: Caller) -> Rules:
    """Show the organisation's rules for agents. Requires `tenant_rules:read`."""
    caller.require_admin("tenant_rules:read")
    return view_policy(caller.membership.policy)


@router.put("/tenant/rules")
async def put_rules(caller: Caller, db: Db, settings: Settings, now: Clock, rules: Rules) -> Rules:
    """Replace all rules, with immediate effect on every token. Requires `tenant_rules:write`."""
    caller.act_as_admin(db, "tenant_rules:write")
    policy = read_policy(rules)
    try:
        require_own_level(policy, caller.level)
        changed = await change_policy(
            db,
            caller.tenant_id,
            policy,
            by=caller.person_id,
            lifetime=settings.longest_token_lifetime,
            now=now(),
        )
    except (UnusablePolicy, ChangeRefused) as error:
        raise Refused("rules", str(error)) from None
    return view_policy(changed.policy)
