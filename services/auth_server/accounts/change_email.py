"""Verify a person's e-mail address, and change it."""

from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.outbox.compose import Value
from auth_server.outbox.queue import queue_mail
from auth_server.records.audit.store import Audit, record
from auth_server.records.email_changes.store import add_email_change
from auth_server.records.email_changes.table import EmailChange
from auth_server.records.factor_recoveries.store import drop_pending_recovery
from auth_server.records.password_links.store import drop_links
from auth_server.records.people.store import find_account, is_signed_in_elsewhere, take_email
from auth_server.records.people.table import Person
from auth_server.records.sessions.store import end_sessions
from auth_server.tenancy.own_provider import end_left_domains

UNDO = "/sign-in/address"
"""The page where the owner of the former address undoes a change."""
UNDO_DAYS = 7


async def manages_email_here(db: DbSession, person: Person) -> bool:
    """Return whether a person's address is changed here, and not at a provider that asserts it."""
    elsewhere = await is_signed_in_elsewhere(db, person.person_id)
    return person.password_hash is not None and not elsewhere


async def take_proved_email(
    db: DbSession,
    person_id: str,
    email: str,
    *,
    keep: str | None,
    change_id: str,
    lifetime: timedelta,
    now: datetime,
) -> bool:
    """Store an address that a person proved with a code.

    If it is a new one, their other sessions and password links end, and the former address is told
    how to undo the change.

    Args:
        db: the open transaction.
        person_id: the person.
        email: the address, in lower case.
        keep: the hash of the session that stays.
        change_id: a random id for the change.
        lifetime: how long access tokens live.
        now: the time.

    Returns:
        Whether it was stored; otherwise another person has the address.
    """
    person = await find_account(db, person_id=person_id)
    if person is None:
        return False
    former, name, language = person.email, person.name, person.language
    if not await take_email(db, person_id, email, now=now):
        return False
    if former == email:
        await record(db, Audit("email.verified", person_id=person_id), now=now)
        return True
    await end_sessions(db, person_id, now=now, keep=keep)
    await drop_pending_recovery(db, person_id)
    await drop_links(db, person_id)
    await end_left_domains(db, person_id, lifetime=lifetime, now=now)
    if former is not None:
        until = now + timedelta(days=UNDO_DAYS)
        change = EmailChange(
            change_id=change_id, person_id=person_id, former_email=former, undo_until=until
        )
        await add_email_change(db, change)
        values: dict[str, Value] = {
            "name": name,
            "days": UNDO_DAYS,
            "path": f"{UNDO}?change={change_id}",
        }
        await queue_mail(db, "email_changed", to=former, language=language, values=values, now=now)
    await record(db, Audit("email.changed", person_id=person_id), now=now)
    return True
