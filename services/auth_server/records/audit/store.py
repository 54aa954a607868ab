"""The only SQL on the audit log."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import text
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.audit.table import AuditEntry

Event = Literal[
    "api_key.created",
    "api_key.exchange_refused",
    "api_key.revoked",
    "client.changed",
    "client.deleted",
    "client.registered",
    "client.secret_added",
    "client.secret_dropped",
    "code.replayed",
    "codes.paused",
    "consent.denied",
    "consent.remembered",
    "denied",
    "grant.changed",
    "grant.created",
    "grant.revoked",
    "key.created",
    "key.rotated",
    "key.withdrawn",
    "membership.changed",
    "membership.created",
    "membership.removed",
    "person.changed",
    "person.created",
    "policy.changed",
    "recovery_code.used",
    "refresh_token.reused",
    "second_factor.added",
    "second_factor.removed",
    "session.ended",
    "sign_in.refused",
    "signed_in",
    "signed_out",
    "tenant.changed",
    "tenant.created",
    "token.outdated",
    "token.revoked",
]
"""Every kind of event, named in the past tense."""

_BEFORE_THE_FIRST = "0" * 64
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


async def record(db: DbSession, audit: Audit, *, now: datetime) -> None:
    """Append one entry, in the same transaction as the change that it records."""
    if db.get_bind().dialect.name == "postgresql":
        await db.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK})
    newest = select(AuditEntry).order_by(col(AuditEntry.number).desc()).limit(1)
    last = (await db.execute(newest)).scalar_one_or_none()
    entry = AuditEntry(
        number=last.number + 1 if last else 1,
        at=now,
        event=audit.event,
        person_id=audit.person_id,
        client_id=audit.client_id,
        tenant_id=audit.tenant_id,
        grant_id=audit.grant_id,
        detail=json.dumps(dict(audit.detail), sort_keys=True, separators=(",", ":")),
        previous_hash=last.hash if last else _BEFORE_THE_FIRST,
        hash="",
    )
    entry.hash = chain_hash(entry)
    db.add(entry)
    await db.flush()


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


async def find_break(db: DbSession) -> int | None:
    """Check the whole chain; return the number of the first entry that does not fit, or None."""
    previous, expected = _BEFORE_THE_FIRST, 1
    async for entry in await db.stream_scalars(select(AuditEntry).order_by(col(AuditEntry.number))):
        fits = entry.number == expected and entry.previous_hash == previous
        if not fits or entry.hash != chain_hash(entry):
            return expected
        previous, expected = entry.hash, expected + 1
    return None
