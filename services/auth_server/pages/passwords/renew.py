"""Give a person a new password, and end what the former one may have opened."""

from datetime import datetime
from typing import Literal

from auth_server.accounts.recover_factors import cancel_recovery
from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.outbox.queue import queue_mail
from auth_server.records.audit.store import Audit, record
from auth_server.records.operators.store import find_operator
from auth_server.records.password_links.store import drop_links
from auth_server.records.people.store import find_account, is_signed_in_elsewhere
from auth_server.records.people.table import Person
from auth_server.records.second_factors.store import has_second_factor
from auth_server.records.sessions.store import end_sessions


async def renew_password(
    db: DbSession,
    person_id: str,
    password_hash: str,
    event: Literal["password.changed", "password.reset"],
    *,
    keep: str | None = None,
    now: datetime,
) -> None:
    """Store a new password, end the person's sessions and links, and tell them by mail.

    Args:
        db: the open transaction.
        person_id: the person.
        password_hash: the hash of the new password.
        event: what happened, for the audit log.
        keep: the hash of the session that stays.
        now: the time.

    Raises:
        PageError: the account is disabled, has no password to renew, or may not get one by mail.
    """
    person = await find_account(db, person_id=person_id)
    if person is None or person.disabled_at is not None or not await _may_renew(db, person, event):
        reset = event == "password.reset"
        raise PageError(
            "This account can't get a password by mail"
            if reset
            else "This account has no password",
            "Sign in another way, or contact an admin.",
            status=403,
        )
    person.password_hash = password_hash
    if event == "password.reset":
        person.email_verified_at = now
    person.password_by_mail_at = now if event == "password.reset" else None
    await db.flush()
    await end_sessions(db, person_id, now=now, keep=keep)
    await drop_links(db, person_id)
    await cancel_recovery(db, person, now=now)
    await queue_mail(
        db,
        "password_changed",
        to=person.email,
        language=person.language,
        values={"name": person.name, "path": "/sign-in/forgotten"},
        now=now,
    )
    await record(db, Audit(event, person_id=person_id), now=now)


async def _may_renew(
    db: DbSession, person: Person, event: Literal["password.changed", "password.reset"]
) -> bool:
    """Return whether a person has a password, or an operator mailed them a link to choose one.

    A person who has another way in by now keeps it as the only one. A mailbox alone never opens the
    console: a link gives nothing to an operator without a second factor.
    """
    if event == "password.changed":
        return person.password_hash is not None
    if await has_second_factor(db, person.person_id):
        return person.password_hash is not None
    if await find_operator(db, person.person_id) is not None:
        return False
    elsewhere = await is_signed_in_elsewhere(db, person.person_id)
    return person.password_hash is not None or not elsewhere


def busy() -> PageError:
    """Make the error of a server that hashes as many passwords as it can."""
    return PageError(
        "Sign-in is busy",
        "Too many people are signing in at once. Try again in a minute.",
        status=503,
    )
