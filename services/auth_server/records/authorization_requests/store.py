"""The only SQL on transactions."""

from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from auth_server.records.authorization_requests.table import Transaction


async def add_transaction(db: AsyncSession, transaction: Transaction) -> None:
    """Store a checked request."""
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


async def drop_transactions(db: AsyncSession, client_id: str) -> None:
    """Forget everything a client has under way."""
    await db.execute(delete(Transaction).where(col(Transaction.client_id) == client_id))


def select_clients_under_way() -> SelectOfScalar[str]:
    """Select the clients that people are about to answer."""
    return select(Transaction.client_id)


async def purge_transactions(db: AsyncSession, *, before: datetime) -> None:
    """Forget transactions whose time was over before then."""
    await db.execute(delete(Transaction).where(col(Transaction.expires_at) < before))
