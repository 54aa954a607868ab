"""Change the members of a tenant, with an audit entry and immediate effect on tokens."""

from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.entitlements.api_key import end_api_key
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.audit.store import Audit, record
from auth_server.records.directory.users import is_deactivated
from auth_server.records.people.store import is_person
from auth_server.records.tenants.store import (
    drop_membership,
    find_membership,
    find_tenant_membership,
    has_another_admin,
    lock_tenant,
    put_membership,
)
from auth_server.records.tenants.table import ADMIN, Membership
from auth_server.revocations.linked_accounts import end_linked_accounts
from auth_server.revocations.revoke import outdate_tokens, revoke_grants
from auth_server.tenancy.change_policy import ChangeRefused, require_admin
from gatepost.data_scope import DataScope, contains, parse_data_scope

LONGEST_DATA_SCOPE = 4096
LONGEST_ROLE = 32


async def set_membership(
    db: DbSession,
    person_id: str,
    tenant_id: str,
    *,
    role: str,
    data_scope: DataScope,
    by: str | None,
    lifetime: timedelta,
    now: datetime,
) -> Membership:
    """Make a person a member of a tenant, or change their role and data there.

    The person's access tokens end, and refreshed tokens follow the new membership.

    Args:
        db: the open transaction.
        person_id: the member.
        tenant_id: the tenant.
        role: `admin`, or any role of the SaaS product.
        data_scope: the data they may see; an empty one restricts nothing.
        by: the admin who changes it; None for an operator. Admins can't change their own
            membership, and can't give data that neither they nor the member had.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        ChangeRefused: the person or tenant is unknown, the tenant's directory has deactivated the
            person, or the admin may not do this (A151).
    """
    await require_admin(db, by, tenant_id)
    require_role_and_data(role, data_scope)
    if await lock_tenant(db, tenant_id) is None:
        raise ChangeRefused(f"the tenant {tenant_id} does not exist")
    if not await is_person(db, person_id):
        raise ChangeRefused(f"the person {person_id} does not exist")
    if await is_deactivated(db, tenant_id, person_id):
        raise ChangeRefused("Your directory has deactivated this person. Activate them there.")
    known = await find_membership(db, person_id, tenant_id)
    if by is not None:
        await require_within(db, by, known, person_id, tenant_id, data_scope)
    if known is not None and (known.role, known.data_scope) == (role, str(data_scope)):
        return known
    if known is not None and known.role == ADMIN != role:
        await _require_another_admin(db, person_id, tenant_id, by=by)
    membership = Membership(
        person_id=person_id, tenant_id=tenant_id, role=role, data_scope=str(data_scope)
    )
    await put_membership(db, membership)
    changed = Audit(
        "membership.created" if known is None else "membership.changed",
        person_id=person_id,
        tenant_id=tenant_id,
        detail={"role": role, "data_scope": str(data_scope), "by": by or "operator"},
    )
    await record(db, changed, now=now)
    await outdate_tokens(db, "person", person_id, lifetime=lifetime, now=now)
    return membership


async def remove_membership(
    db: DbSession,
    person_id: str,
    tenant_id: str,
    *,
    by: str | None,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Remove a person's membership, with their grants and API keys in the tenant.

    Args:
        db: the open transaction.
        person_id: the member.
        tenant_id: the tenant.
        by: the admin who removes them, or the person themselves; None for an operator.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        ChangeRefused: the membership does not exist, `by` may not end it, or it is that of the
            tenant's last admin.
    """
    if by != person_id:
        await require_admin(db, by, tenant_id)
    await lock_tenant(db, tenant_id)
    membership = await find_membership(db, person_id, tenant_id)
    if membership is None:
        raise ChangeRefused(f"{person_id} is not a member of {tenant_id}")
    if membership.role == ADMIN:
        await _require_another_admin(db, person_id, tenant_id, by=by)
    await drop_membership(db, membership)
    reason = "no longer a member of the tenant"
    which = {"person_id": person_id, "tenant_id": tenant_id}
    await revoke_grants(db, reason, lifetime=lifetime, now=now, **which)
    for key in await list_api_keys(db, tenant_id=tenant_id):
        if key.person_id == person_id:
            await end_api_key(db, key.key_id, lifetime=lifetime, now=now)
    await end_linked_accounts(db, person_id, tenant_id, reason, now=now)
    removed = Audit("membership.removed", **which, detail={"by": by or "operator"})
    await record(db, removed, now=now)


def require_role_and_data(role: str, data_scope: DataScope) -> None:
    """Refuse a role or data that can't be stored.

    Raises:
        ChangeRefused: with the limit.
    """
    if not role or len(role) > LONGEST_ROLE or not role.isprintable():
        raise ChangeRefused("The role must be 1 to 32 printable characters.")
    if len(str(data_scope)) > LONGEST_DATA_SCOPE:
        raise ChangeRefused("The data must be at most 4096 characters.")


async def require_within(
    db: DbSession,
    by: str,
    known: Membership | None,
    person_id: str,
    tenant_id: str,
    data_scope: DataScope,
) -> None:
    """Refuse an admin who gives data that neither they nor the person have, or changes themselves.

    Raises:
        ChangeRefused: with the reason.
    """
    if by == person_id:
        raise ChangeRefused("You can't change your own membership. Ask another admin.")
    membership = await find_tenant_membership(db, by, tenant_id)
    has = membership is not None and contains(membership.data_scope, data_scope)
    had = known is not None and contains(parse_data_scope(known.data_scope), data_scope)
    if not has and not had:
        raise ChangeRefused("You can't give access to data that you can't see.")


async def _require_another_admin(
    db: DbSession, person_id: str, tenant_id: str, *, by: str | None
) -> None:
    # An operator may remove the last admin, because they can add another.
    if by is None:
        return
    if not await has_another_admin(db, tenant_id, person_id):
        raise ChangeRefused("An organisation needs at least one admin.")
