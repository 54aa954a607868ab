"""The only SQL on mails."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col, func, select, update

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.mails.table import Mail


async def add_mail(db: DbSession, mail: Mail) -> None:
    """Add a mail."""
    db.add(mail)
    await db.flush()


async def lease_mails(
    db: DbSession, *, now: datetime, most: int, lease: timedelta
) -> Sequence[Mail]:
    """List mails that are due, the longest waiting first, and lease them for an attempt."""
    query = (
        select(Mail)
        .where(col(Mail.next_attempt_at) <= now)
        .order_by(col(Mail.next_attempt_at), col(Mail.mail_id))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    due = (await db.execute(query)).scalars().all()
    for mail in due:
        mail.attempts += 1
        mail.next_attempt_at = now + lease
    await db.flush()
    return due


async def count_waiting_mails(db: DbSession) -> tuple[int, datetime | None]:
    """Count the mails that are not over, and tell when the oldest was queued."""
    waiting = col(Mail.next_attempt_at).is_not(None)
    query = select(func.count(), func.min(col(Mail.queued_at))).where(waiting)
    number, oldest = (await db.execute(query)).one()
    return number, oldest


async def note_attempt(
    db: DbSession,
    mail: Mail,
    *,
    sent_at: datetime | None,
    next_attempt_at: datetime | None,
    problem: str,
) -> None:
    """Note how an attempt ended, unless a later one has begun; forget the content of a mail that is over."""
    await db.execute(
        update(Mail)
        .where(col(Mail.mail_id) == mail.mail_id, col(Mail.attempts) == mail.attempts)
        .values(
            sent_at=sent_at,
            next_attempt_at=next_attempt_at,
            problem=problem[:200],
            **({} if next_attempt_at else {"sealed": b""}),
        )
    )


async def list_mails(db: DbSession, *, most: int) -> Sequence[Mail]:
    """List mails, the newest first."""
    query = select(Mail).order_by(col(Mail.queued_at).desc(), col(Mail.mail_id)).limit(most)
    return (await db.execute(query)).scalars().all()


async def purge_mails(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the mails that were queued before a time; return whether there may be more."""
    return await delete_some(db, Mail, col(Mail.queued_at) < before)
