"""Undo a change of a person's e-mail address."""

from datetime import datetime, timedelta

from auth_server.accounts.change_email import UNDO_DAYS
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.email_changes.store import drop_email_changes
from auth_server.records.email_changes.table import EmailChange
from auth_server.records.factor_recoveries.store import drop_pending_recovery
from auth_server.records.operators.store import find_operator
from auth_server.records.password_links.store import drop_links
from auth_server.records.people.store import find_account, take_email
from auth_server.records.second_factors.store import (
    drop_authenticator_app,
    drop_passkey,
    find_authenticator_app,
    list_passkeys,
)
from auth_server.records.sessions.store import end_sessions
from auth_server.tenancy.own_provider import end_left_domains, forget_break_glass

_DISTRUSTED = timedelta(days=UNDO_DAYS + 1)
"""How long before the end of the time for undoing a second factor may come from the same thief: since
a day before the change."""


async def undo_email_change(
    db: DbSession,
    change: EmailChange,
    *,
    password_hash: str,
    lifetime: timedelta,
    now: datetime,
) -> bool:
    """Give a person back the address whose owner proved it.

    Every session ends, nobody's password works until the owner has chosen a new one, and no other
    change can be undone. Second factors that were added since a day before the change are removed: a
    thief's passkey would still sign in, and a thief's authenticator app would lock the owner out.
    Those of operators stay.

    Args:
        db: the open transaction.
        change: the change.
        password_hash: the hash of a password that nobody knows.
        lifetime: how long access tokens live.
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
    await end_left_domains(db, person.person_id, lifetime=lifetime, now=now)
    # A former mailbox alone must not open the console.
    if await find_operator(db, person.person_id) is None:
        await _drop_factors(db, person.person_id, since=change.undo_until - _DISTRUSTED, now=now)
    await record(db, Audit("email.change_undone", person_id=person.person_id), now=now)
    return True


async def _drop_factors(db: DbSession, person_id: str, *, since: datetime, now: datetime) -> None:
    dropped = []
    for passkey in await list_passkeys(db, person_id):
        if passkey.created_at >= since:
            await drop_passkey(db, person_id, passkey.credential_id)
            dropped.append("passkey")
    app = await find_authenticator_app(db, person_id)
    if app is not None and app.created_at >= since:
        await drop_authenticator_app(db, person_id)
        dropped.append("code app")
    for factor in dropped:
        removed = Audit("second_factor.removed", person_id=person_id, detail={"factor": factor})
        await record(db, removed, now=now)
    await forget_break_glass(db, person_id, now=now)
