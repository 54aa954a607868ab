"""Verify the audit log, and delete its oldest entries so that the rest can still be verified."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.audit.seal import (
    BEFORE_THE_FIRST,
    find_seal,
    is_genuine,
    keys_of_session,
    renew_seal,
)
from auth_server.records.audit.store import Audit, append, chain_hash, lock_log
from auth_server.records.audit.table import AuditEntry

_STEP = 1000


@dataclass(frozen=True, slots=True)
class Head:
    """The number and the hash of an entry that was the newest once."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Break:
    """The number of the first entry that is not what was recorded, and why."""

    number: int
    reason: str


async def find_break(db: DbSession, heads: Iterable[Head] = ()) -> Break | None:
    """Verify the whole log; return the first break, or None.

    A session without keys verifies the hashes, and not whether the log ends where its seal says.

    Args:
        db: an open database session.
        heads: former heads, as they were written elsewhere; the log must still contain them.
    """
    seal, keys = await find_seal(db), keys_of_session(db)
    known = {head.number: head.hash for head in heads}
    start = seal.start_number if seal is not None else 1
    previous = seal.start_hash if seal is not None else BEFORE_THE_FIRST
    expected = start
    query = select(AuditEntry).where(col(AuditEntry.number) >= start)
    async for entry in await db.stream_scalars(query.order_by(col(AuditEntry.number))):
        if entry.number != expected:
            return Break(expected, "it is missing")
        if entry.previous_hash != previous or entry.hash != chain_hash(entry):
            return Break(expected, "it was changed, or the entry before it")
        if known.pop(expected, entry.hash) != entry.hash:
            return Break(expected, "it differs from the head that was written elsewhere")
        previous, expected = entry.hash, expected + 1
    missing = min((number for number in known if number >= start), default=None)
    if missing is not None:
        return Break(missing, "its hash was written elsewhere, and it is missing")
    if keys is None:
        return None
    if seal is None:
        return Break(expected - 1, "the log has no seal") if expected > start else None
    if not is_genuine(seal, keys):
        return Break(expected - 1, "the seal was not made with secret_key")
    if expected <= seal.number:
        return Break(expected, f"it is missing, as are all entries up to {seal.number}")
    if expected - 1 > seal.number:
        return Break(seal.number + 1, "it was appended without the seal")
    return None if previous == seal.hash else Break(seal.number, "it is not the sealed entry")


async def purge_entries(db: DbSession, *, before: datetime) -> bool:
    """Delete at most a thousand of the oldest entries; return whether there may be more.

    It deletes nothing from a log that is broken there, so that the evidence stays.
    """
    keys = keys_of_session(db)
    await lock_log(db)
    seal = await find_seal(db)
    if keys is None or seal is None or not is_genuine(seal, keys):
        return False
    number, previous = seal.start_number, seal.start_hash
    query = select(AuditEntry).where(col(AuditEntry.number) >= number)
    oldest = (await db.execute(query.order_by(col(AuditEntry.number)).limit(_STEP))).scalars()
    for entry in oldest:
        fits = (entry.number, entry.previous_hash) == (number, previous)
        if not fits or entry.hash != chain_hash(entry) or entry.at >= before:
            break
        number, previous = number + 1, entry.hash
    gone = number - seal.start_number
    # Entries before an accepted break are not verified any more.
    old = (col(AuditEntry.number) < number, col(AuditEntry.at) < before)
    await db.execute(delete(AuditEntry).where(*old))
    if gone:
        seal.start_number, seal.start_hash = number, previous
        renew_seal(seal, keys)
        await db.flush()
    return gone == _STEP


async def renew_seal_key(db: DbSession) -> None:
    """Compute the seal's MAC with the newest key, so that a former key can be forgotten."""
    keys = keys_of_session(db)
    if keys is None or not keys.former:
        return
    await lock_log(db)
    seal = await find_seal(db)
    if seal is not None and is_genuine(seal, keys):
        renew_seal(seal, keys)
        await db.flush()


async def accept_break(db: DbSession, found: Break, *, now: datetime) -> int:
    """Seal the log anew from an entry that says where it was broken; return that entry's number.

    The entries before it stay, but are not verified any more.
    """
    await lock_log(db)
    seal, keys = await find_seal(db), keys_of_session(db)
    if keys is None:
        raise RuntimeError("this database session has no keys")
    if seal is not None:
        await db.delete(seal)
        await db.flush()
    accepted = Audit("audit.accepted", detail={"broken_at": found.number, "reason": found.reason})
    await append(db, accepted, now=now)
    made = await find_seal(db)
    assert made is not None  # noqa: S101 - `append` made it
    newest = await db.get(AuditEntry, made.number)
    assert newest is not None  # noqa: S101 - the same
    made.start_number, made.start_hash = newest.number, newest.previous_hash
    renew_seal(made, keys)
    await db.flush()
    return made.number
