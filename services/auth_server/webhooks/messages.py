"""Make messages, and queue one delivery of each to every endpoint that may receive it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from auth_server.db.engine import DbSession
from auth_server.records.audit.table import AuditEntry
from auth_server.records.webhooks.deliveries import add_deliveries
from auth_server.records.webhooks.endpoints import list_receivers
from auth_server.records.webhooks.table import WebhookDelivery
from auth_server.webhooks.event_types import find_type, type_of_entry


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way out.

    Attributes:
        message_id: the same for everything that is sent about one occurrence.
        type: the name of its type.
        tenant_id: the only tenant that may receive it; None if only the operator may.
        payload: the JSON to send.
    """

    message_id: str
    type: str
    tenant_id: str | None
    payload: str


def make_message(
    type_name: str, occurrence: str, data: Mapping[str, Any], *, tenant_id: str, at: datetime
) -> Message:
    """Make a message.

    Args:
        type_name: the name of its type.
        occurrence: names what happened; the same occurrence gives the same id.
        data: the payload's `data`.
        tenant_id: the tenant that it is about, or nothing.
        at: when it happened.
    """
    digest = hashlib.sha256(f"{type_name} {occurrence}".encode()).hexdigest()
    receiver = tenant_id if tenant_id and find_type(type_name).tenants else None
    return Message(f"msg_{digest[:40]}", type_name, receiver, write_payload(type_name, data, at=at))


def write_payload(type_name: str, data: Mapping[str, Any], *, at: datetime) -> str:
    """Write the JSON of a message, in the form of Standard Webhooks."""
    at = at.astimezone(UTC)
    stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
    members = {"type": type_name, "timestamp": stamp, "data": dict(data)}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def message_of(entry: AuditEntry) -> Message | None:
    """Make the message that an entry of the audit log causes; None if it causes none."""
    kind = type_of_entry(entry.event)
    if kind is None:
        return None
    detail = json.loads(entry.detail)
    data = {name: getattr(entry, name) for name in kind.ids}
    data |= {name: detail[name] for name in kind.detail if name in detail}
    # The number alone could name another entry after a restored backup.
    occurrence = f"{entry.number} {entry.hash}"
    return make_message(kind.name, occurrence, data, tenant_id=entry.tenant_id, at=entry.at)


async def queue_message(db: DbSession, message: Message, *, now: datetime) -> None:
    """Queue a message for the operator's endpoints, and for those of its tenant."""
    receivers = await list_receivers(db, message.tenant_id)
    deliveries = [
        WebhookDelivery(
            message_id=message.message_id,
            endpoint_id=endpoint.endpoint_id,
            type=message.type,
            payload=message.payload,
            created_at=now,
            next_attempt_at=now,
        )
        for endpoint in receivers
        if message.type in endpoint.types
    ]
    await add_deliveries(db, deliveries)
