"""The only SQL on email changes."""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.email_changes.table import EmailChange


async def add_email_change(db: DbSession, change: EmailChange) -> None:
    """Store a change that can be undone."""
    db.add(change)
    await db.flush()


async def find_email_change(db: DbSession, change_id: str, *, now: datetime) -> EmailChange | None:
    """Look up a change that can still be undone."""
    query = select(EmailChange).where(
        col(EmailChange.change_id) == change_id, col(EmailChange.undo_until) > now
    )
    return (await db.execute(query)).scalar_one_or_none()


async def drop_email_changes(db: DbSession, person_id: str) -> None:
    """Delete a person's changes, so that none can be undone."""
    await db.execute(delete(EmailChange).where(col(EmailChange.person_id) == person_id))


async def purge_email_changes(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the changes that can't be undone any more; return whether there may be more."""
    return await delete_some(db, EmailChange, col(EmailChange.undo_until) < before)
