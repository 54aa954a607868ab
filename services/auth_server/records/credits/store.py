"""The only SQL on credits."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.types import UtcDateTime
from auth_server.records.credits.table import CreditUse, PrepaidCredit

_LATELY = timedelta(days=40)


async def add_credit(db: DbSession, credit: PrepaidCredit) -> bool:
    """Add a credit; return False if there is one of its id."""
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    added = await db.execute(
        insert(PrepaidCredit)
        .values(credit.model_dump())
        .on_conflict_do_nothing()
        .returning(col(PrepaidCredit.credit_id))
    )
    return added.scalar_one_or_none() is not None


async def find_credit(db: DbSession, credit_id: str) -> PrepaidCredit | None:
    """Look up and lock a credit, to take from it."""
    return await db.get(PrepaidCredit, credit_id, with_for_update=True, populate_existing=True)


async def list_credits(
    db: DbSession, tenant_ids: Collection[str] | None = None, *, lock: bool = False
) -> Sequence[PrepaidCredit]:
    """List the credits of tenants, or of all, the oldest first; with `lock`, to take from them."""
    query = select(PrepaidCredit).order_by(
        col(PrepaidCredit.created_at), col(PrepaidCredit.credit_id)
    )
    if tenant_ids is not None:
        query = query.where(col(PrepaidCredit.tenant_id).in_(tenant_ids))
    if lock:
        query = query.with_for_update()
    return (await db.execute(query)).scalars().all()


async def list_uses(db: DbSession, credit_ids: Collection[str]) -> dict[str, dict[str, CreditUse]]:
    """List what was taken from credits, by credit and cause."""
    query = select(CreditUse).where(col(CreditUse.credit_id).in_(credit_ids))
    # A lock on the credits was waited for, so rows that this session knows may be old.
    query = query.execution_options(populate_existing=True)
    found: dict[str, dict[str, CreditUse]] = defaultdict(dict)
    for use in (await db.execute(query)).scalars().all():
        found[use.credit_id][use.cause] = use
    return found


async def put_use(db: DbSession, use: CreditUse) -> None:
    """Store a use that is new or has grown; its credit is locked."""
    db.add(use)
    await db.flush()


async def list_last_expiries(db: DbSession, *, now: datetime) -> dict[str, datetime | None]:
    """List the tenants that have or lately had credit, and when the last of it expired, if any did."""
    tenant_id, expires = col(PrepaidCredit.tenant_id), col(PrepaidCredit.expires_at)
    last = func.max(case((expires <= now, expires)), type_=UtcDateTime())
    query = (
        select(tenant_id, last)
        .where(or_(expires.is_(None), expires > now - _LATELY))
        .group_by(tenant_id)
    )
    return {tenant: at for tenant, at in (await db.execute(query)).all()}
