"""End linked accounts: when a person unlinks one, and with their last connection in the tenant."""

from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.audit.store import Audit, record
from auth_server.records.grants.store import list_live_grants
from auth_server.records.linked_accounts.store import (
    end_linked_account,
    list_linked_accounts,
    lock_linked_account,
)


async def end_linked_accounts(
    db: DbSession,
    person_id: str,
    tenant_id: str,
    reason: str,
    *,
    now: datetime,
    link_id: str | None = None,
) -> int:
    """End a person's linked accounts in a tenant, or the one with an id; return how many ended.

    Args:
        db: the open transaction.
        person_id: the person.
        tenant_id: the tenant.
        reason: a short reason for the audit log.
        now: the time.
        link_id: the account to end, instead of all.
    """
    ended = 0
    for found in await list_linked_accounts(db, person_id, tenant_id=tenant_id):
        if link_id not in {None, found.link_id}:
            continue
        account = await lock_linked_account(db, found.link_id)
        if account is None:
            continue
        await end_linked_account(db, account, now=now)
        entry = Audit(
            "linked_account.ended",
            person_id=person_id,
            tenant_id=tenant_id,
            detail={"provider": account.provider, "reason": reason},
        )
        await record(db, entry, now=now)
        ended += 1
    return ended


async def end_unused_accounts(
    db: DbSession, person_id: str, tenant_id: str, *, now: datetime
) -> None:
    """End a person's linked accounts in a tenant where they have no connection and no API key left."""
    if not await list_linked_accounts(db, person_id, tenant_id=tenant_id):
        return
    if await list_live_grants(db, person_id=person_id, tenant_id=tenant_id, most=1):
        return
    keys = await list_api_keys(db, person_id=person_id, tenant_id=tenant_id)
    if any(key.revoked_at is None and (key.expires_at or now) >= now for key in keys):
        return
    reason = "no connection uses it any more"
    await end_linked_accounts(db, person_id, tenant_id, reason, now=now)
