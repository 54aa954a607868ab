"""Delete a person, and end at once what they could do."""

from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.entitlements.api_key import end_api_key
from auth_server.outbox.queue import queue_mail
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.audit.store import Audit, record
from auth_server.records.operators.store import find_operator
from auth_server.records.password_links.store import drop_links
from auth_server.records.people.store import drop_person, find_account
from auth_server.records.sessions.store import end_sessions
from auth_server.records.tenants.store import (
    TenantMembership,
    has_another_admin,
    list_memberships,
    list_tenant_memberships,
)
from auth_server.records.tenants.table import ADMIN
from auth_server.revocations.revoke import outdate_tokens, revoke_grants
from auth_server.tenancy.change_membership import remove_membership
from auth_server.tenancy.change_policy import ChangeRefused


async def list_sole_admin(db: DbSession, person_id: str) -> list[TenantMembership]:
    """List the tenants of which a person is the last admin."""
    return [
        membership
        for membership in await list_tenant_memberships(db, person_id)
        if membership.role == ADMIN
        and not await has_another_admin(db, membership.tenant_id, person_id)
    ]


async def delete_person(
    db: DbSession, person_id: str, *, by: str | None, lifetime: timedelta, now: datetime
) -> None:
    """Delete a person with their sessions, second factors, identities, grants and API keys.

    Access tokens end within seconds. The call log, the ledger and the audit log keep the person's id.

    Args:
        db: the open transaction.
        person_id: the person.
        by: the person themselves; None for an operator, who may delete the last admin of a tenant.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        ChangeRefused: the person does not exist, is an operator, or is a tenant's last admin.
    """
    person = await find_account(db, person_id=person_id)
    if person is None:
        raise ChangeRefused(f"the person {person_id} does not exist")
    if await find_operator(db, person_id) is not None:
        raise ChangeRefused(
            "An operator's account can't be deleted. Remove the operator's role first."
        )
    for membership in await list_memberships(db, person_id=person_id):
        await remove_membership(
            db, person_id, membership.tenant_id, by=by, lifetime=lifetime, now=now
        )
    await revoke_grants(
        db, "the person was deleted", lifetime=lifetime, now=now, person_id=person_id
    )
    for key in await list_api_keys(db, person_id=person_id):
        await end_api_key(db, key.key_id, lifetime=lifetime, now=now)
    await end_sessions(db, person_id, now=now)
    await outdate_tokens(db, "person", person_id, lifetime=lifetime, now=now)
    await drop_links(db, person_id)
    values = {"name": person.name}
    await queue_mail(
        db, "account_deleted", to=person.email, language=person.language, values=values, now=now
    )
    await drop_person(db, person_id)
    deleted = Audit("person.deleted", person_id=person_id, detail={"by": by or "operator"})
    await record(db, deleted, now=now)
