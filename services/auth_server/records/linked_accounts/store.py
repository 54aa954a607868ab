"""The only SQL on linked accounts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select

from auth_server.db.engine import DbSession
from auth_server.records.linked_accounts.table import LinkedAccount


async def find_linked_account(
    db: DbSession, provider: str, person_id: str, tenant_id: str, *, lock: bool = False
) -> LinkedAccount | None:
    """Look up a person's live account at a provider in a tenant; pass `lock` to change it."""
    query = select(LinkedAccount).where(
        col(LinkedAccount.person_id) == person_id,
        col(LinkedAccount.tenant_id) == tenant_id,
        col(LinkedAccount.provider) == provider,
        col(LinkedAccount.ended_at).is_(None),
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return (await db.execute(query)).scalar_one_or_none()


async def lock_linked_account(db: DbSession, link_id: str) -> LinkedAccount | None:
    """Look up and lock a live account by its id."""
    row = await db.get(LinkedAccount, link_id, with_for_update=True, populate_existing=True)
    return row if row is not None and row.ended_at is None else None


async def list_linked_accounts(
    db: DbSession, person_id: str, *, tenant_id: str | None = None
) -> Sequence[LinkedAccount]:
    """List a person's live accounts in all tenants or in one, by tenant and provider."""
    query = select(LinkedAccount).where(
        col(LinkedAccount.person_id) == person_id, col(LinkedAccount.ended_at).is_(None)
    )
    if tenant_id is not None:
        query = query.where(col(LinkedAccount.tenant_id) == tenant_id)
    order = (col(LinkedAccount.tenant_id), col(LinkedAccount.provider))
    return (await db.execute(query.order_by(*order))).scalars().all()


async def list_all_linked_accounts(db: DbSession) -> Sequence[LinkedAccount]:
    """List every account, also those that have ended."""
    return (await db.execute(select(LinkedAccount))).scalars().all()


async def lock_some_linked_accounts(
    db: DbSession, *, after: str, most: int
) -> Sequence[LinkedAccount]:
    """List and lock accounts by their ids, those after an id, except those that are locked."""
    query = (
        select(LinkedAccount)
        .where(col(LinkedAccount.link_id) > after)
        .order_by(col(LinkedAccount.link_id))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return (await db.execute(query)).scalars().all()


async def add_linked_account(db: DbSession, account: LinkedAccount) -> bool:
    """Store an account; return False if the person has a live one there.

    An earlier account that has ended is forgotten: a provider that is told of its end now might end
    the new one with it.
    """
    over = (
        delete(LinkedAccount)
        .where(
            col(LinkedAccount.person_id) == account.person_id,
            col(LinkedAccount.tenant_id) == account.tenant_id,
            col(LinkedAccount.provider) == account.provider,
            col(LinkedAccount.ended_at).is_not(None),
        )
        .execution_options(synchronize_session=False)
    )
    await db.execute(over)
    try:
        async with db.begin_nested():
            db.add(account)
    except IntegrityError:
        return False
    return True


async def note_failed_attempt(db: DbSession, link_id: str, attempt: str, **values: Any) -> bool:
    """Store that an attempt to renew the tokens failed, unless it is over; return whether it was not."""
    done = await db.execute(
        update(LinkedAccount)
        .where(col(LinkedAccount.link_id) == link_id, col(LinkedAccount.attempt) == attempt)
        .values(attempt=None, **values)
        .returning(col(LinkedAccount.link_id))
    )
    return done.first() is not None


async def store_renewed(
    db: DbSession, account: LinkedAccount, *, sealed: bytes, **values: Any
) -> LinkedAccount | None:
    """Store new tokens in place of those that they were issued for; None if others are stored now.

    Also those of an attempt that counted as lost: nobody else has a newer refresh token. An account that
    has ended meanwhile gets them too, since they are those to revoke.
    """
    query = (
        update(LinkedAccount)
        .where(
            col(LinkedAccount.link_id) == account.link_id,
            # Not the sealed tokens, which a new `secret_key` seals again meanwhile.
            col(LinkedAccount.renewed_at) == account.renewed_at,
        )
        .values(
            sealed=sealed, attempt=None, busy_until=None, uncertain=False, broken=None, **values
        )
        .returning(LinkedAccount)
    )
    stored = select(LinkedAccount).from_statement(query)
    return (await db.execute(stored)).scalar_one_or_none()


async def end_linked_account(db: DbSession, account: LinkedAccount, *, now: datetime) -> None:
    """End an account; maintenance tells the provider, once no attempt renews its tokens."""
    account.ended_at = now
    account.due_at = max(now, account.busy_until or now)
    await db.flush()


async def lease_due_accounts(
    db: DbSession, *, now: datetime, most: int, lease: timedelta
) -> Sequence[LinkedAccount]:
    """List accounts that maintenance must look at, and lease them; the longest due come first."""
    query = (
        select(LinkedAccount)
        .where(col(LinkedAccount.due_at) <= now)
        .order_by(col(LinkedAccount.due_at), col(LinkedAccount.link_id))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    due = (await db.execute(query)).scalars().all()
    for account in due:
        account.due_at = now + lease
    await db.flush()
    return due


async def drop_linked_account(db: DbSession, link_id: str) -> None:
    """Delete an account that has ended."""
    gone = delete(LinkedAccount).where(
        col(LinkedAccount.link_id) == link_id, col(LinkedAccount.ended_at).is_not(None)
    )
    await db.execute(gone)


async def note_failed_revocation(db: DbSession, link_id: str, *, again: datetime) -> None:
    """Note that the provider could not be told, and when to try again."""
    await db.execute(
        update(LinkedAccount)
        .where(col(LinkedAccount.link_id) == link_id)
        .values(attempts=col(LinkedAccount.attempts) + 1, due_at=again)
    )
