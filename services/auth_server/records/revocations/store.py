"""The only SQL on revocations."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, text, update
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.raw_sql import RawSql
from auth_server.records.revocations.table import RevocationRow
from gatepost.revocations import FOR_GOOD, Kind, Revocation

PAGE = 1000
"""The number of rows in one response; a follower asks again for the rest."""
NEWS = "gatepost_revocations"
_READ_FEED_STATE = """
SELECT (SELECT max(number) FROM revocations),
       EXISTS (SELECT 1 FROM revocations WHERE number IS NULL)
"""
_LOCK = 7_405_112_600_013  # an arbitrary number; one process at a time numbers revocations


@dataclass(frozen=True, slots=True)
class NumberedRevocation:
    """A revocation with its place in the feed; followers name the place by `revocation_id`."""

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
    """Write a revocation, in the same transaction as the change that it announces.

    A known revocation is not written again, so that repeated requests cost nothing. The session
    records that it has written one, for `RevocationFeed.wake_after`.
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


async def read_feed_state(raw_sql: RawSql) -> tuple[int, bool]:
    """Return the highest number in use, or 0, and whether a committed revocation has none yet."""
    row = await raw_sql.fetch(_READ_FEED_STATE, {})
    newest, unnumbered = row or (None, False)
    return newest or 0, bool(unnumbered)


async def find_newest_number(db: DbSession) -> int:
    """Return the highest number in use, or 0."""
    highest = await db.execute(select(func.max(RevocationRow.number)))
    return highest.scalar_one() or 0


async def number_revocations(db: DbSession, *, now: datetime) -> None:
    """Number the committed revocations, and delete expired ones.

    If the transactions that write the rows also numbered them, they could commit out of order, and
    a follower past the higher number would never see the lower. A separate transaction, in one
    process at a time, prevents that.
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
    # The newest stays, so that no number is used twice.
    over = (col(RevocationRow.expires_at) < now, col(RevocationRow.number) < newest)
    await db.execute(delete(RevocationRow).where(*over))


async def list_after(
    db: DbSession, revocation_id: str, *, now: datetime
) -> list[NumberedRevocation]:
    """List the revocations after a known one, or all that are live if the id is unknown.

    An id is unknown if a follower starts, if its revocation has expired, or after a restore from a
    backup that lacks it.
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
        NumberedRevocation(row.number or 0, row.revocation_id, _read(row))
        for row in (await db.execute(query)).scalars()
    ]


async def list_by_names(
    db: DbSession, names: Iterable[tuple[Kind, str]], *, now: datetime
) -> list[Revocation]:
    """List the revocations with any of these names, numbered or not."""
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
