"""Undo a change of a person's e-mail address."""

from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.email_changes.store import drop_email_changes
from auth_server.records.email_changes.table import EmailChange
from auth_server.records.factor_recoveries.store import drop_pending_recovery
from auth_server.records.password_links.store import drop_links
from auth_server.records.people.store import find_account, take_email
from auth_server.records.sessions.store import end_sessions


async def undo_email_change(
    db: DbSession, change: EmailChange, *, password_hash: str, now: datetime
) -> bool:
    """Give a person back the address whose owner proved it.

    Every session ends, nobody's password works until the owner has chosen a new one, and no other
    change can be undone.

    Args:
        db: the open transaction.
        change: the change.
        password_hash: the hash of a password that nobody knows.
        now: the time.

    Returns:
        Whether it was undone; otherwise another person has the address now.
    """
    person = await find_account(db, person_id=change.person_id)
    if person is None or not await take_email(db, person.person_id, change.former_email, now=now):
        return False
    person.password_hash = password_hash
    await db.flush()
    await end_sessions(db, person.person_id, now=now)
    await drop_pending_recovery(db, person.person_id)
    await drop_links(db, person.person_id)
    await drop_email_changes(db, person.person_id)
    await record(db, Audit("email.change_undone", person_id=person.person_id), now=now)
    return True
