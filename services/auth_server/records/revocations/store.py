"""The only SQL on revocations."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, text, update
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.revocations.table import RevocationRow
from gatepost.revocations import FOR_GOOD, Kind, Revocation

PAGE = 1000
"""Rows in one answer; whoever follows asks again for the rest."""
NEWS = "gatepost_revocations"
_LOCK = 7_405_112_600_013  # any number; on PostgreSQL one process at a time gives numbers


@dataclass(frozen=True, slots=True)
class Numbered:
    """A revocation with its place in the feed; `revocation_id` names the place for others."""

    number: int
    revocation_id: str
    revocation: Revocation


async def add_revocation(
    db: DbSession,
    kind: Kind,
    key: str,
    *,
    now: datetime,
    expires_at: datetime,
    below: int = FOR_GOOD,
) -> None:
    """Write a revocation, in the transaction of what it announces: both stay, or neither.

    One that is known already is not written again, so that repeating a request costs nothing. The
    session remembers that it has news, for `Feed.wake_after`.
    """
    same = select(RevocationRow.revocation_id).where(
        col(RevocationRow.key) == key,
        col(RevocationRow.kind) == kind,
        col(RevocationRow.below) >= below,
        col(RevocationRow.expires_at) >= now,
    )
    if (await db.execute(same.limit(1))).scalar_one_or_none() is not None:
        return
    db.add(
        RevocationRow(
            revocation_id=uuid.uuid4().hex,
            kind=kind,
            key=key,
            below=below,
            created_at=now,
            expires_at=expires_at,
        )
    )
    await db.flush()
    db.info[NEWS] = True


async def is_anything_unnumbered(db: DbSession) -> bool:
    """Tell whether a committed revocation has no number yet."""
    query = select(RevocationRow.revocation_id).where(col(RevocationRow.number).is_(None)).limit(1)
    return (await db.execute(query)).scalar_one_or_none() is not None


async def find_newest_number(db: DbSession) -> int:
    """Read the highest number given; 0 where there is none."""
    highest = await db.execute(select(func.max(RevocationRow.number)))
    return highest.scalar_one() or 0


async def number_revocations(db: DbSession, *, now: datetime) -> None:
    """Give committed revocations their numbers, and drop those that are over.

    Numbers given inside the transactions that write the rows could be committed out of order, and
    a follower past the higher one would never see the lower. Given here, in a transaction of their
    own and one process at a time, they can't.
    """
    if db.get_bind().dialect.name == "postgresql":
        await db.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK})
    newest = await find_newest_number(db)
    new = (
        select(RevocationRow.revocation_id)
        .where(col(RevocationRow.number).is_(None))
        .order_by(col(RevocationRow.created_at), col(RevocationRow.revocation_id))
    )
    for number, revocation_id in enumerate((await db.execute(new)).scalars().all(), newest + 1):
        await db.execute(
            update(RevocationRow)
            .where(col(RevocationRow.revocation_id) == revocation_id)
            .values(number=number)
        )
        newest = number
    # The newest stays, so that no number is ever given twice.
    over = (col(RevocationRow.expires_at) < now, col(RevocationRow.number) < newest)
    await db.execute(delete(RevocationRow).where(*over))


async def list_after(db: DbSession, revocation_id: str, *, now: datetime) -> list[Numbered]:
    """List what was numbered after a known revocation; everything that still counts after another.

    An unknown one is a follower's first, or is over, or was lost when a backup was restored.
    """
    place = select(RevocationRow.number).where(col(RevocationRow.revocation_id) == revocation_id)
    number = (await db.execute(place)).scalar_one_or_none() or 0
    query = (
        select(RevocationRow)
        .where(col(RevocationRow.number) > number, col(RevocationRow.expires_at) >= now)
        .order_by(col(RevocationRow.number))
        .limit(PAGE)
    )
    return [
        Numbered(row.number or 0, row.revocation_id, _read(row))
        for row in (await db.execute(query)).scalars()
    ]


async def list_by_names(
    db: DbSession, names: Iterable[tuple[Kind, str]], *, now: datetime
) -> list[Revocation]:
    """List the revocations of any of these names, announced or not yet."""
    wanted = set(names)
    query = select(RevocationRow).where(
        col(RevocationRow.key).in_({key for _, key in wanted}),
        col(RevocationRow.expires_at) >= now,
    )
    rows = (await db.execute(query)).scalars()
    return [_read(row) for row in rows if (row.kind, row.key) in wanted]


def _read(row: RevocationRow) -> Revocation:
    return Revocation.model_validate(
        {
            "kind": row.kind,
            "key": row.key,
            "below": row.below,
            "expires_at": int(row.expires_at.astimezone(UTC).timestamp()) + 1,
        }
    )
