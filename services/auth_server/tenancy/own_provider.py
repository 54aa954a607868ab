"""Require that members act for a tenant only in sessions of its own identity provider.

Connections and API keys live as long as the sign-in that allowed them counts: they end with the rule
if another sign-in allowed them, and with the provider or the domain if a session of theirs did.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.entitlements.api_key import end_api_key
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.audit.store import Audit, Event, record
from auth_server.records.grants.store import list_live_grants
from auth_server.records.people.store import find_people, find_person
from auth_server.records.second_factors.store import has_second_factor, list_factor_times
from auth_server.records.tenant_domains.store import list_domains
from auth_server.records.tenant_providers.store import find_provider
from auth_server.records.tenants.store import (
    find_membership,
    list_break_glass,
    list_memberships,
    lock_tenant,
)
from auth_server.records.tenants.table import ADMIN
from auth_server.revocations.revoke import outdate_tokens, revoke_grant
from auth_server.tenancy.change_policy import ChangeRefused, require_admin
from auth_server.tenancy.customers_providers import NotAdmitted, require_customers_person
from auth_server.tenancy.domain_names import domain_of

MOST_BREAK_GLASS = 5
_REASON = "not from the tenant's provider"


async def require_provider(
    db: DbSession,
    tenant_id: str,
    *,
    by: str,
    signed_in_by: str | None,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Switch the rule on, and end the connections and API keys that other sign-ins allowed.

    Args:
        db: the open transaction.
        tenant_id: the tenant.
        by: the admin.
        signed_in_by: the customer's provider that began the admin's session, or None. It must be the
            tenant's, which proves that the rule does not lock the tenant out.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        ChangeRefused: the person is not an admin, or the tenant's provider did not sign them in or may not
            do so any more.
    """
    await require_admin(db, by, tenant_id)
    tenant = await lock_tenant(db, tenant_id)
    if tenant is None or not await _may_sign_in(db, tenant_id, signed_in_by, by):
        raise ChangeRefused(
            "Sign in with your organisation's provider first. That proves that the rule can't lock you "
            "out."
        )
    if tenant.provider_only_since is not None:
        return
    tenant.provider_only_since = now
    await db.flush()
    await _record(db, "provider.required", tenant_id, by, {"provider": signed_in_by or ""}, now)
    await end_other_sign_ins(db, tenant_id, lifetime=lifetime, now=now)


async def lift_rule(db: DbSession, tenant_id: str, *, by: str | None, now: datetime) -> bool:
    """Switch the rule off; return whether it was on. What it ended stays ended.

    Args:
        db: the open transaction.
        tenant_id: the tenant.
        by: the admin; None for an operator.
        now: the time.

    Raises:
        ChangeRefused: the person is not an admin of the tenant, or it does not exist.
    """
    await require_admin(db, by, tenant_id)
    tenant = await lock_tenant(db, tenant_id)
    if tenant is None:
        raise ChangeRefused(f"the tenant {tenant_id} does not exist")
    if tenant.provider_only_since is None:
        return False
    tenant.provider_only_since = None
    await db.flush()
    await _record(db, "provider.not_required", tenant_id, by, {}, now)
    return True


async def name_break_glass(
    db: DbSession, tenant_id: str, person_id: str, named: bool, *, by: str, now: datetime
) -> None:
    """Let an admin manage the tenant without its provider, or not any more.

    Raises:
        ChangeRefused: `by` is not an admin, the person is not one or has no second factor here, or
            there are too many.
    """
    await require_admin(db, by, tenant_id)
    await lock_tenant(db, tenant_id)
    membership = await find_membership(db, person_id, tenant_id)
    if membership is None or (named and membership.role != ADMIN):
        raise ChangeRefused("Only admins of the organisation can be named.")
    if named == (membership.break_glass_since is not None):
        return
    if named and not await has_second_factor(db, person_id):
        raise ChangeRefused(
            "This admin has no second factor or passkey here. They must set one up first."
        )
    if named and len(await list_break_glass(db, tenant_id)) >= MOST_BREAK_GLASS:
        raise ChangeRefused("Five admins are named. Remove one of them first.")
    membership.break_glass_since = now if named else None
    await db.flush()
    event: Event = "break_glass.named" if named else "break_glass.removed"
    await _record(db, event, tenant_id, by, {"member": person_id}, now)


async def forget_break_glass(db: DbSession, person_id: str, *, now: datetime) -> None:
    """Remove the break-glass names of a person who has no second factor from before the name.

    Everything that adds or removes a second factor calls this afterwards. Otherwise a password alone
    would be enough for the admins' emergencies once the factors are gone: whoever knows it could add
    the next one.
    """
    times = await list_factor_times(db, person_id)
    for membership in await list_memberships(db, person_id=person_id):
        named = membership.break_glass_since
        if named is None or any(added <= named for added in times):
            continue
        await lock_tenant(db, membership.tenant_id)
        membership.break_glass_since = None
        await db.flush()
        detail = {"member": person_id}
        await _record(db, "break_glass.removed", membership.tenant_id, None, detail, now)


async def end_other_sign_ins(
    db: DbSession, tenant_id: str, *, lifetime: timedelta, now: datetime
) -> None:
    """End the tenant's connections and API keys whose sign-in does not count any more.

    Args:
        db: the open transaction, after the change of the rule, the provider or a domain.
        tenant_id: the tenant.
        lifetime: how long access tokens live.
        now: the time.
    """
    for grant_id in await _select(db, tenant_id, "grants", lock=True):
        await revoke_grant(db, grant_id, _REASON, lifetime=lifetime, now=now)
    for key_id in await _select(db, tenant_id, "keys"):
        await end_api_key(db, key_id, lifetime=lifetime, now=now)
    # Also the tokens of what a person allowed at this very moment; a refresh decides about that.
    await outdate_tokens(db, "tenant", tenant_id, lifetime=lifetime, now=now)


async def end_left_domains(
    db: DbSession, person_id: str, *, lifetime: timedelta, now: datetime
) -> None:
    """End what sessions of a tenant's own provider allowed to a person whose address has left its domains.

    Everything that changes a person's address calls this afterwards: the provider does not speak for
    the person any more.
    """
    grants = await list_live_grants(db, person_id=person_id)
    keys = await list_api_keys(db, person_id=person_id)
    tenants = {grant.tenant_id for grant in grants if grant.provider}
    tenants |= {key.tenant_id for key in keys if key.provider}
    for tenant_id in sorted(tenants):
        for grant_id in await _select(db, tenant_id, "grants", person_id=person_id, lock=True):
            await revoke_grant(db, grant_id, _REASON, lifetime=lifetime, now=now)
        for key_id in await _select(db, tenant_id, "keys", person_id=person_id):
            await end_api_key(db, key_id, lifetime=lifetime, now=now)


async def count_other_sign_ins(db: DbSession, tenant_id: str) -> tuple[int, int]:
    """Count the connections and the API keys that the rule would end."""
    grants = await list_live_grants(db, tenant_id=tenant_id)
    keys = await list_api_keys(db, tenant_id=tenant_id)
    return (
        sum(grant.provider is None for grant in grants),
        sum(key.provider is None and key.revoked_at is None for key in keys),
    )


async def _may_sign_in(db: DbSession, tenant_id: str, provider: str | None, person_id: str) -> bool:
    """Return whether a tenant's own provider may sign a person in now.

    The caller has locked the tenant: its domains and its provider may have changed since the person's
    session was looked up.
    """
    person = await find_person(db, person_id)
    if provider is None or person is None:
        return False
    try:
        return await require_customers_person(db, provider, person.email, person_id) == tenant_id
    except NotAdmitted:
        return False


async def _select(
    db: DbSession,
    tenant_id: str,
    kind: str,
    *,
    person_id: str | None = None,
    lock: bool = False,
) -> Sequence[str]:
    tenant, own = await lock_tenant(db, tenant_id), await find_provider(db, tenant_id)
    required = tenant is not None and tenant.provider_only_since is not None
    domains = {one.domain for one in await list_domains(db, tenant_id) if one.verified_domain}
    began: list[tuple[str, str, str | None]]
    if kind == "grants":
        grants = await list_live_grants(db, tenant_id=tenant_id, person_id=person_id, lock=lock)
        began = [(one.grant_id, one.person_id, one.provider) for one in grants]
    else:
        keys = await list_api_keys(db, tenant_id=tenant_id, person_id=person_id)
        began = [(one.key_id, one.person_id, one.provider) for one in keys if not one.revoked_at]
    people = await find_people(db, {person_id for _, person_id, provider in began if provider})

    def counts(person_id: str, provider: str | None) -> bool:
        if provider is None:
            return not required
        person = people.get(person_id)
        domain = domain_of(person.email or "") if person is not None else None
        return own is not None and provider == own.provider and domain in domains

    return [name for name, person_id, provider in began if not counts(person_id, provider)]


async def _record(
    db: DbSession,
    event: Event,
    tenant_id: str,
    by: str | None,
    detail: dict[str, str],
    now: datetime,
) -> None:
    entry = Audit(event, person_id=by or "", tenant_id=tenant_id, detail=detail)
    await record(db, entry, now=now)
