"""End what a person can do in a tenant, because its provider says that they left (A225, A226)."""

from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.directory.acting import Directory
from auth_server.entitlements.api_key import end_api_key
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.audit.store import Audit, record
from auth_server.records.operators.store import find_operator
from auth_server.records.people.store import list_identities
from auth_server.records.sessions.store import end_session, list_sessions
from auth_server.records.sessions.table import provider_of
from auth_server.records.tenants.store import (
    find_membership,
    has_another_admin,
    list_memberships,
)
from auth_server.records.tenants.table import ADMIN, Membership
from auth_server.revocations.linked_accounts import end_linked_accounts
from auth_server.revocations.revoke import outdate_tokens, revoke_grants
from auth_server.tenancy.change_membership import remove_membership

_REASON = "the organisation's directory"


async def end_access(
    db: DbSession, directory: Directory, person_id: str, *, now: datetime
) -> Membership | None:
    """End a person's membership, connections, API keys and sessions; return a membership that stays.

    The membership of an admin for emergencies, and that of the last admin, stays, with the sessions that
    are not from the provider: otherwise the provider, or whoever has taken it over, could lock the
    organisation out. All else ends for them too.

    Args:
        db: the open transaction, with the tenant locked.
        directory: the directory that says so.
        person_id: the person.
        now: the time.
    """
    tenant_id = directory.tenant_id
    await end_connections(db, directory, person_id, now=now)
    membership = await find_membership(db, person_id, tenant_id)
    stays = membership is not None and await _must_stay(db, membership)
    if membership is not None and not stays:
        await remove_membership(
            db, person_id, tenant_id, by=None, lifetime=directory.lifetime, now=now
        )
    for identity in await list_identities(db, person_id):
        if identity.issuer == directory.issuer:
            # An assertion from before must not connect anything after a reactivation.
            identity.ended_at = now
    elsewhere = await is_elsewhere(db, directory, person_id)
    sessions = await list_sessions(db, person_id, now=now, idle=directory.idle)
    ended = [
        one
        for one in sessions
        if not (elsewhere or stays) or provider_of(one.method) == directory.provider
    ]
    for session in ended:
        await end_session(db, session.session_hash, now=now)
    if ended:
        entry = Audit("session.ended", person_id=person_id, detail={"sessions": len(ended)})
        await record(db, entry, now=now)
    if not elsewhere:
        await outdate_tokens(db, "person", person_id, lifetime=directory.lifetime, now=now)
    await db.flush()
    return membership if stays else None


async def end_connections(
    db: DbSession, directory: Directory, person_id: str, *, now: datetime
) -> None:
    """End a person's connections, API keys and linked accounts in the tenant.

    A reactivation calls it too, so that nothing comes back that was approved while they were leaving.
    """
    which = {"person_id": person_id, "tenant_id": directory.tenant_id}
    await revoke_grants(db, _REASON, lifetime=directory.lifetime, now=now, **which)
    for key in await list_api_keys(db, **which):
        await end_api_key(db, key.key_id, lifetime=directory.lifetime, now=now)
    await end_linked_accounts(db, person_id, directory.tenant_id, _REASON, now=now)


async def is_elsewhere(db: DbSession, directory: Directory, person_id: str) -> bool:
    """Return whether a person is an operator or a member of another tenant.

    What they have there is not this directory's to change.
    """
    held = await list_memberships(db, person_id=person_id)
    if any(one.tenant_id != directory.tenant_id for one in held):
        return True
    return await find_operator(db, person_id) is not None


async def _must_stay(db: DbSession, membership: Membership) -> bool:
    if membership.role != ADMIN:
        return False
    if membership.break_glass_since is not None:
        return True
    return not await has_another_admin(db, membership.tenant_id, membership.person_id)
