"""Change a tenant's policy, with an audit entry and immediate effect on every token."""

from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.grants.store import list_live_grants, shorten_grants
from auth_server.records.tenants.policy import TenantPolicy, UnusablePolicy
from auth_server.records.tenants.store import find_tenant_membership, lock_tenant
from auth_server.records.tenants.table import Tenant
from auth_server.revocations.revoke import outdate_tokens, revoke_grant


class ChangeRefused(Exception):
    """The change is refused; the message tells the person why."""


def require_own_level(policy: TenantPolicy, level: int) -> None:
    """Refuse an admin who requires more factors of members than they signed in with.

    Raises:
        UnusablePolicy: the policy requires more.
    """
    if policy.required_level > level:
        raise UnusablePolicy(
            "Sign in with two-step verification or a passkey before you require it from members. "
            "You add them on the page “Sign-in methods”."
        )


async def change_policy(
    db: DbSession,
    tenant_id: str,
    policy: TenantPolicy,
    *,
    by: str | None,
    lifetime: timedelta,
    now: datetime,
) -> Tenant:
    """Set a tenant's rules for agents.

    The grants of clients that are no longer allowed are revoked. The access tokens of all others
    end, and refreshed tokens follow the new rules.

    Args:
        db: the open transaction.
        tenant_id: the tenant.
        policy: the complete policy, from `require_policy`.
        by: the admin of the tenant who changes it; None for an operator.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        ChangeRefused: the tenant does not exist, or the person is not an admin of it.
    """
    await require_admin(db, by, tenant_id)
    tenant = await lock_tenant(db, tenant_id)
    if tenant is None:
        raise ChangeRefused(f"the tenant {tenant_id} does not exist")
    if tenant.policy == policy:
        return tenant
    clients, longest = policy.allowed_clients, policy.longest_grant
    tenant.required_level = policy.required_level
    tenant.allowed_clients = None if clients is None else list(clients)
    tenant.read_only = policy.read_only
    tenant.longest_grant = None if longest is None else int(longest.total_seconds())
    tenant.api_keys = policy.api_keys
    token = policy.longest_token
    tenant.longest_token = None if token is None else int(token.total_seconds())
    tenant.approval = policy.approval
    await db.flush()
    changed = Audit(
        "policy.changed",
        person_id=by or "",
        tenant_id=tenant_id,
        detail={
            "required_level": policy.required_level,
            "allowed_clients": "any" if clients is None else list(clients),
            "read_only": policy.read_only,
            "longest_grant": tenant.longest_grant or "unlimited",
            "api_keys": policy.admits_api_keys,
            "longest_token": tenant.longest_token or "unlimited",
            "approval": policy.approval,
        },
    )
    await record(db, changed, now=now)
    grants = await list_live_grants(db, tenant_id=tenant_id, lock=True)
    for grant in grants:
        if not policy.admits(grant.client_id, grant.redirect_host):
            reason = "not allowed by the tenant"
            await revoke_grant(db, grant.grant_id, reason, lifetime=lifetime, now=now)
    if longest is not None:
        await shorten_grants(db, tenant_id, longest)
    await outdate_tokens(db, "tenant", tenant_id, lifetime=lifetime, now=now)
    return tenant


async def require_admin(db: DbSession, person_id: str | None, tenant_id: str) -> None:
    """Refuse anyone who is neither an operator (None) nor an admin of the tenant (A151).

    Raises:
        ChangeRefused: with the same message whether or not the tenant exists.
    """
    if person_id is None:
        return
    membership = await find_tenant_membership(db, person_id, tenant_id)
    if membership is None or not membership.is_admin:
        raise ChangeRefused("You are not an admin of this organisation.")
