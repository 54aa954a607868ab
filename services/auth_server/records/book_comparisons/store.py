"""The only SQL on comparisons of the books."""

from collections.abc import Sequence

from sqlmodel import col, delete, func, select

from auth_server.db.engine import DbSession
from auth_server.records.book_comparisons.table import BookComparison, BookDifference

MOST_STORED = 1_000
"""The most differences that are kept of one comparison."""


async def put_comparison(
    db: DbSession, comparison: BookComparison, differences: Sequence[BookDifference]
) -> None:
    """Store a comparison in place of the one of the same month."""
    month = comparison.month
    await db.execute(delete(BookDifference).where(col(BookDifference.month) == month))
    await db.merge(comparison)
    db.add_all(differences[:MOST_STORED])
    await db.flush()


async def find_comparison(db: DbSession, month: str) -> BookComparison | None:
    """Look up the newest comparison of a month such as `2026-11`."""
    return await db.get(BookComparison, month)


async def list_months_that_differ(db: DbSession) -> Sequence[str]:
    """List the months, such as `2026-11`, whose newest comparison found a difference."""
    query = select(BookComparison.month).where(col(BookComparison.differences) > 0)
    return (await db.execute(query.order_by(col(BookComparison.month)))).scalars().all()


async def list_differences(
    db: DbSession, month: str, *, tenant_id: str | None = None, most: int
) -> Sequence[BookDifference]:
    """List the differences that the newest comparison of a month found, of one tenant or of all."""
    query = select(BookDifference).where(col(BookDifference.month) == month)
    if tenant_id is not None:
        query = query.where(col(BookDifference.tenant_id) == tenant_id)
    order = (col(BookDifference.tenant_id), col(BookDifference.env), col(BookDifference.meter))
    return (await db.execute(query.order_by(*order).limit(most))).scalars().all()


async def count_differences(db: DbSession) -> int:
    """Count the differences that the newest comparison of each month found."""
    query = select(func.coalesce(func.sum(col(BookComparison.differences)), 0))
    return int((await db.execute(query)).scalar_one())
