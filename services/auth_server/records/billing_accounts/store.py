"""The only SQL on billing accounts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, delete, select, update
from sqlmodel.sql.expression import SelectOfScalar

from auth_server.db.engine import DbSession
from auth_server.records.billing_accounts.table import BillingAccount


async def find_account(db: DbSession, tenant_id: str) -> BillingAccount | None:
    """Look up a tenant's billing account."""
    return await db.get(BillingAccount, tenant_id)


async def find_account_of_customer(db: DbSession, customer_id: str) -> BillingAccount | None:
    """Look up the billing account of a customer."""
    query = select(BillingAccount).where(col(BillingAccount.customer_id) == customer_id)
    return (await db.execute(query)).scalar_one_or_none()


async def lock_account(db: DbSession, tenant_id: str) -> BillingAccount | None:
    """Look up and lock a tenant's billing account, to change it."""
    return await db.get(BillingAccount, tenant_id, with_for_update=True, populate_existing=True)


def select_subscribed_tenants() -> SelectOfScalar[str]:
    """Select the tenants that have, or once had, a subscription."""
    subscribed = col(BillingAccount.subscribed_at).is_not(None)
    return select(BillingAccount.tenant_id).where(subscribed)


async def find_accounts(db: DbSession, tenant_ids: Collection[str]) -> Sequence[BillingAccount]:
    """Look up the billing accounts of tenants that have, or once had, a subscription."""
    query = select(BillingAccount).where(
        col(BillingAccount.tenant_id).in_(tenant_ids),
        col(BillingAccount.subscribed_at).is_not(None),
    )
    return (await db.execute(query)).scalars().all()


async def add_account(db: DbSession, tenant_id: str, customer_id: str, *, now: datetime) -> bool:
    """Add a tenant's billing account; return False if the tenant or the customer has one."""
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    account = BillingAccount(tenant_id=tenant_id, customer_id=customer_id, created_at=now)
    added = await db.execute(
        insert(BillingAccount)
        .values(account.model_dump())
        .on_conflict_do_nothing()
        .returning(col(BillingAccount.tenant_id))
    )
    return added.scalar_one_or_none() is not None


async def drop_account(db: DbSession, tenant_id: str, customer_id: str) -> None:
    """Delete a tenant's billing account, if it still has this customer."""
    await db.execute(
        delete(BillingAccount).where(
            col(BillingAccount.tenant_id) == tenant_id,
            col(BillingAccount.customer_id) == customer_id,
        )
    )


async def list_accounts(db: DbSession, *, after: str = "", most: int) -> Sequence[BillingAccount]:
    """List the billing accounts by tenant, those after a tenant."""
    tenant_id = col(BillingAccount.tenant_id)
    query = select(BillingAccount).where(tenant_id > after).order_by(tenant_id).limit(most)
    return (await db.execute(query)).scalars().all()


async def list_accounts_read_before(
    db: DbSession, before: datetime, *, most: int | None = None
) -> Sequence[BillingAccount]:
    """List accounts whose subscription was not read since a time, the oldest reading first."""
    read_at = col(BillingAccount.read_at)
    query = (
        select(BillingAccount)
        .where(or_(read_at.is_(None), read_at < before))
        .order_by(read_at.asc().nulls_first(), col(BillingAccount.tenant_id))
        .limit(most)
    )
    return (await db.execute(query)).scalars().all()


async def note_reading(db: DbSession, tenant_id: str, *, now: datetime) -> None:
    """Note that an account was read, although nothing could be done with it."""
    account = col(BillingAccount.tenant_id) == tenant_id
    await db.execute(update(BillingAccount).where(account).values(read_at=now))
