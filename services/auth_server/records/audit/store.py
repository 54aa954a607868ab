"""The only SQL on the audit log."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import structlog
from sqlalchemy import event, text
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.audit.seal import (
    BEFORE_THE_FIRST,
    find_seal,
    first_seal,
    is_genuine,
    keys_of_session,
    renew_seal,
)
from auth_server.records.audit.table import AuditEntry

log = structlog.get_logger()

Event = Literal[
    "admin_token.created",
    "admin_token.revoked",
    "api_key.created",
    "api_key.exchange_refused",
    "api_key.revoked",
    "app_request.approved",
    "app_request.created",
    "app_request.declined",
    "audit.accepted",
    "billing.event_processed",
    "billing.synced",
    "break_glass.named",
    "break_glass.removed",
    "break_glass.used",
    "call_approval.approved",
    "call_approval.asked",
    "call_approval.declined",
    "client.changed",
    "client.deleted",
    "client.registered",
    "client.secret_added",
    "client.secret_dropped",
    "client.workload_added",
    "client.workload_dropped",
    "code.replayed",
    "codes.paused",
    "consent.denied",
    "consent.remembered",
    "credit.added",
    "credit.taken_back",
    "delegation.created",
    "delegation.ended",
    "denied",
    "directory_group.changed",
    "directory_group.created",
    "directory_group.deleted",
    "directory_token.created",
    "directory_token.revoked",
    "directory_user.activated",
    "directory_user.created",
    "directory_user.deactivated",
    "directory_user.deleted",
    "directory_user.kept",
    "domain.claimed",
    "domain.lost",
    "domain.removed",
    "domain.verified",
    "email.change_undone",
    "email.changed",
    "email.verified",
    "factor_recovery.cancelled",
    "factor_recovery.completed",
    "factor_recovery.started",
    "grant.changed",
    "grant.created",
    "grant.revoked",
    "invitation.accepted",
    "invitation.created",
    "invitation.sent_again",
    "invitation.withdrawn",
    "key.created",
    "key.rotated",
    "key.withdrawn",
    "linked_account.broken",
    "linked_account.created",
    "linked_account.ended",
    "membership.changed",
    "membership.created",
    "membership.removed",
    "operator.removed",
    "operator.set",
    "password.changed",
    "password.reset",
    "person.changed",
    "person.created",
    "person.deleted",
    "person.exported",
    "plans.replaced",
    "playground.called",
    "policy.changed",
    "provider.assigned",
    "provider.not_required",
    "provider.required",
    "provider.withdrawn",
    "recovery_code.used",
    "refresh_token.reused",
    "second_factor.added",
    "second_factor.removed",
    "session.ended",
    "sign_in.refused",
    "signed_in",
    "signed_out",
    "subscription.changed",
    "subscription.refreshed",
    "tenant.changed",
    "tenant.created",
    "tenant_app.allowed_again",
    "tenant_app.ended",
    "tenant_app.refused",
    "tenant_app.set",
    "token.outdated",
    "token.revoked",
    "usage.archive_replayed",
    "usage.customer_linked",
    "usage.export_decided",
    "usage.refused_event_written",
    "webhook.added",
    "webhook.changed",
    "webhook.disabled",
    "webhook.removed",
    "webhook.resent",
]
"""Every kind of event, named in the past tense."""

_TO_APPEND = "gatepost_audit"
_OPERATOR = "gatepost_operator"
_BY = "gatepost_by"
_VIA = "gatepost_via"
_LOCK = 7_405_112_600_012  # an arbitrary number; appends on PostgreSQL wait for this lock


@dataclass(frozen=True, slots=True)
class Audit:
    """An event to record; `detail` contains ids, names and counts, never a secret."""

    event: Event
    person_id: str = ""
    client_id: str = ""
    tenant_id: str = ""
    grant_id: str = ""
    detail: Mapping[str, str | int | bool | list[str]] = field(default_factory=dict)


def acting_as(db: DbSession, operator: str) -> None:
    """Name the operator in the detail of every later entry of the session."""
    db.info[_OPERATOR] = operator


def acting_for(db: DbSession, by: str) -> None:
    """Name who causes every later entry of the session, if it is neither their person nor an operator."""
    db.info[_BY] = by


def acting_through(db: DbSession, via: str) -> None:
    """Name the program through which a person acts in the detail of every later entry."""
    db.info[_VIA] = via


async def record(db: DbSession, audit: Audit, *, now: datetime) -> None:
    """Append one entry at the end of the transaction, just before its commit.

    Appends wait for one another until they are committed. If other locks were taken after an
    append, two transactions could wait for each other.
    """
    if by := db.info.get(_BY):
        audit = replace(audit, detail={**audit.detail, "by": by})
    if via := db.info.get(_VIA):
        audit = replace(audit, detail={**audit.detail, "via": via})
    if operator := db.info.get(_OPERATOR):
        audit = replace(audit, detail={**audit.detail, "operator": operator})
    db.info.setdefault(_TO_APPEND, []).append(partial(append, db, audit, now=now))


@event.listens_for(Session, "before_commit")
def _append_all(session: Session) -> None:
    if not session.in_nested_transaction():
        for append in session.info.pop(_TO_APPEND, ()):
            await_only(append())


@event.listens_for(Session, "after_rollback")
def _append_nothing(session: Session) -> None:
    session.info.pop(_TO_APPEND, None)


async def append(db: DbSession, audit: Audit, *, now: datetime) -> None:
    """Append one entry at once, and seal the log; the transaction may take no further locks.

    If the newest entries are missing, the next one still refers to them, so that the gap stays
    visible. A seal that this server did not make is left as it is, for the same reason.
    """
    await lock_log(db)
    newest = select(AuditEntry).order_by(col(AuditEntry.number).desc()).limit(1)
    last = (await db.execute(newest)).scalar_one_or_none()
    seal, keys = await find_seal(db), keys_of_session(db)
    genuine = seal is not None and keys is not None and is_genuine(seal, keys)
    number, previous = (last.number, last.hash) if last else (0, BEFORE_THE_FIRST)
    if seal is not None and genuine:
        number, previous = max(number, seal.number), seal.hash
    entry = AuditEntry(
        number=number + 1,
        at=now,
        event=audit.event,
        person_id=audit.person_id,
        client_id=audit.client_id,
        tenant_id=audit.tenant_id,
        grant_id=audit.grant_id,
        detail=json.dumps(dict(audit.detail), sort_keys=True, separators=(",", ":")),
        previous_hash=previous,
        hash="",
    )
    entry.hash = chain_hash(entry)
    db.add(entry)
    if keys is not None and (seal is None or genuine):
        if seal is None:
            if last is not None:
                log.warning("audit_log_sealed", number=entry.number)
            seal = first_seal(entry)
            db.add(seal)
        seal.number, seal.hash = entry.number, entry.hash
        renew_seal(seal, keys)
    await db.flush()


async def newest_number(db: DbSession) -> int:
    """Return the number of the newest entry; 0 if there is none."""
    query = select(col(AuditEntry.number)).order_by(col(AuditEntry.number).desc()).limit(1)
    return (await db.execute(query)).scalar_one_or_none() or 0


async def list_entries_after(db: DbSession, number: int, *, most: int) -> Sequence[AuditEntry]:
    """List the entries after a number, the oldest first."""
    query = select(AuditEntry).where(col(AuditEntry.number) > number)
    return (await db.execute(query.order_by(col(AuditEntry.number)).limit(most))).scalars().all()


async def lock_log(db: DbSession) -> None:
    """Wait for other appends; SQLite's write lock does so by itself."""
    if db.get_bind().dialect.name == "postgresql":
        await db.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK})


def chain_hash(entry: AuditEntry) -> str:
    """Hash an entry together with the hash before it."""
    members = (
        entry.previous_hash,
        str(entry.number),
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.event,
        entry.person_id,
        entry.client_id,
        entry.tenant_id,
        entry.grant_id,
        entry.detail,
    )
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()
