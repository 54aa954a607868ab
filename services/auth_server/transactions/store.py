"""The only SQL on transactions."""

from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from auth_server.transactions.table import Transaction


async def add_transaction(db: AsyncSession, transaction: Transaction, *, now: datetime) -> None:
    """Store a checked request, clearing away those whose time is over."""
    await db.execute(delete(Transaction).where(col(Transaction.expires_at) < now))
    db.add(transaction)
    await db.flush()


async def find_transaction(
    db: AsyncSession, transaction_id: str, *, browser_hash: str, now: datetime
) -> Transaction | None:
    """Look up a transaction that this browser began and that is still under way."""
    transaction = await db.get(Transaction, transaction_id)
    if transaction is None or transaction.browser_hash != browser_hash:
        return None
    if transaction.finished_at is not None or now >= transaction.expires_at:
        return None
    return transaction


async def choose_tenant(db: AsyncSession, transaction_id: str, tenant_id: str | None) -> None:
    """Note which tenant the person chose; None to ask again."""
    await db.execute(
        update(Transaction)
        .where(col(Transaction.transaction_id) == transaction_id)
        .values(tenant_id=tenant_id)
    )


async def finish_transaction(db: AsyncSession, transaction_id: str, *, now: datetime) -> bool:
    """End a transaction; answers whether this call was the one that did."""
    finished = await db.execute(
        update(Transaction)
        .where(
            col(Transaction.transaction_id) == transaction_id,
            col(Transaction.finished_at).is_(None),
        )
        .values(finished_at=now)
        .returning(col(Transaction.transaction_id))
    )
    return finished.scalar_one_or_none() is not None
