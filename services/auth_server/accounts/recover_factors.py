"""Recover lost second factors with the password and the mailbox, after a wait.

Neither a stolen password nor a stolen mailbox is enough: a password that was set by mail does not count
until the person has signed in with it and a second factor. The wait gives the owner time to cancel.
"""

from datetime import datetime, timedelta
from typing import Literal

from auth_server.db.engine import DbSession
from auth_server.outbox.compose import Value
from auth_server.outbox.queue import Template, queue_mail
from auth_server.records.audit.store import Audit, Event, record
from auth_server.records.factor_recoveries.store import (
    drop_pending_recovery,
    find_recovery,
    list_ready,
    put_recovery,
)
from auth_server.records.factor_recoveries.table import FactorRecovery
from auth_server.records.operators.store import find_operator
from auth_server.records.people.store import find_person
from auth_server.records.people.table import Person
from auth_server.records.second_factors.store import drop_second_factors, has_second_factor
from auth_server.records.sessions.store import end_sessions
from auth_server.tenancy.own_provider import forget_break_glass

CANCEL = "/sign-in/recovery/cancel"
"""The page where a mail's link cancels a recovery."""
USABLE = timedelta(days=7)
"""How long a recovery can be completed once it is ready."""
_AT_ONCE = 100

Obstacle = Literal["operator", "password by mail", "no address", "no factor"]


async def find_obstacle(db: DbSession, person: Person) -> Obstacle | None:
    """Return why a person can't recover their factors by mail; None if they can."""
    if await find_operator(db, person.person_id) is not None:
        return "operator"
    if person.email is None or person.password_hash is None:
        return "no address"
    if person.password_by_mail_at is not None:
        return "password by mail"
    if not await has_second_factor(db, person.person_id):
        return "no factor"
    return None


async def recover_factors(
    db: DbSession, person: Person, *, recovery_id: str, delay: timedelta, now: datetime
) -> FactorRecovery:
    """Start a person's recovery, or complete the one that is ready.

    Completing it removes their second factors and ends their sessions.

    Args:
        db: the open transaction.
        person: who has proved the password and the mailbox just now, and has no obstacle.
        recovery_id: a random id for a new recovery.
        delay: how long a new one waits.
        now: the time.

    Returns:
        The recovery: it waits until `ready_at`, or `completed_at` is set.
    """
    known = await find_recovery(db, person.person_id, now=now)
    if known is None:
        ready_at = now + delay
        known = FactorRecovery(
            person_id=person.person_id,
            recovery_id=recovery_id,
            started_at=now,
            ready_at=ready_at,
            expires_at=ready_at + USABLE,
        )
        await put_recovery(db, known)
        values = {"at": _moment(ready_at), "path": f"{CANCEL}?id={recovery_id}"}
        await _tell(db, person, "recovery_started", values, now=now)
        await _record(db, person, "factor_recovery.started", now=now)
    elif now >= known.ready_at:
        known.completed_at = now
        await db.flush()
        await drop_second_factors(db, person.person_id)
        await forget_break_glass(db, person.person_id, now=now)
        await end_sessions(db, person.person_id, now=now)
        await _tell(db, person, "recovery_completed", {"path": "/sign-in/forgotten"}, now=now)
        await _record(db, person, "factor_recovery.completed", now=now)
    return known


async def cancel_recovery(db: DbSession, person: Person, *, now: datetime) -> bool:
    """Cancel a person's pending recovery; return whether there was one."""
    if not await drop_pending_recovery(db, person.person_id):
        return False
    await _tell(db, person, "recovery_cancelled", {"path": "/account/security"}, now=now)
    await _record(db, person, "factor_recovery.cancelled", now=now)
    return True


async def tell_ready_recoveries(db: DbSession, *, now: datetime) -> None:
    """Tell people by mail whose recoveries have become ready."""
    for recovery in await list_ready(db, now=now, most=_AT_ONCE):
        recovery.told_ready = True
        person = await find_person(db, recovery.person_id)
        if person is not None:
            values = {
                "until": _moment(recovery.expires_at),
                "path": f"{CANCEL}?id={recovery.recovery_id}",
            }
            await _tell(db, person, "recovery_ready", values, now=now)
    await db.flush()


async def _tell(
    db: DbSession, person: Person, template: Template, values: dict[str, str], *, now: datetime
) -> None:
    named: dict[str, Value] = {"name": person.name, **values}
    language = person.language
    await queue_mail(db, template, to=person.email, language=language, values=named, now=now)


async def _record(db: DbSession, person: Person, event: Event, *, now: datetime) -> None:
    await record(db, Audit(event, person_id=person.person_id), now=now)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
