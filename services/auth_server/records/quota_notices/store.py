"""The only SQL on quota notices."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.quota_notices.table import QuotaNotice


async def add_notices(db: DbSession, notices: Sequence[dict[str, Any]]) -> list[QuotaNotice]:
    """Add notices, and return those that are new.

    Args:
        db: the open transaction.
        notices: the columns of each, without `notice_id`.
    """
    if not notices:
        return []
    rows = [{"notice_id": _name(notice), **notice} for notice in notices]
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    adding = insert(QuotaNotice).values(rows).on_conflict_do_nothing(index_elements=["notice_id"])
    added = (await db.execute(adding.returning(col(QuotaNotice.notice_id)))).scalars().all()
    return [QuotaNotice(**row) for row in rows if row["notice_id"] in set(added)]


async def list_notices(db: DbSession, tenant_id: str, *, since: datetime) -> Sequence[QuotaNotice]:
    """List the notices of a tenant, the oldest first."""
    query = (
        select(QuotaNotice)
        .where(col(QuotaNotice.tenant_id) == tenant_id, col(QuotaNotice.at) >= since)
        .order_by(col(QuotaNotice.at), col(QuotaNotice.percent), col(QuotaNotice.notice_id))
    )
    return (await db.execute(query)).scalars().all()


async def was_noticed_before(db: DbSession, notice: QuotaNotice) -> bool:
    """Return whether the same quota or budget had reached the percentage in the 30 days before."""
    query = select(col(QuotaNotice.notice_id)).where(
        col(QuotaNotice.tenant_id) == notice.tenant_id,
        col(QuotaNotice.at) >= notice.at - timedelta(days=30),
        col(QuotaNotice.at) < notice.at,
        col(QuotaNotice.kind) == notice.kind,
        col(QuotaNotice.key) == notice.key,
        col(QuotaNotice.percent) == notice.percent,
    )
    return (await db.execute(query.limit(1))).scalar_one_or_none() is not None


async def list_reached(
    db: DbSession, periods: Collection[str], *, since: datetime, most: int
) -> Sequence[tuple[str, str, str]]:
    """List the tenant, kind and key of each quota or budget that was noticed in these days or months."""
    place = col(QuotaNotice.tenant_id), col(QuotaNotice.kind), col(QuotaNotice.key)
    query = (
        select(*place)
        .where(col(QuotaNotice.at) >= since, col(QuotaNotice.period).in_(periods))
        .distinct()
        .order_by(*place)
        .limit(most)
    )
    return [(row[0], row[1], row[2]) for row in (await db.execute(query)).all()]


async def purge_notices(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the notices from before a time; return whether there may be more."""
    return await delete_some(db, QuotaNotice, col(QuotaNotice.at) < before)


def _name(notice: dict[str, Any]) -> str:
    parts = [str(notice[name]) for name in ("tenant_id", "kind", "key", "period", "percent")]
    # A quota or budget that was raised is noticed again.
    return hashlib.sha256(orjson.dumps([*parts, notice["units_limit"]])).hexdigest()
