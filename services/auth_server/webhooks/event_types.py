"""Every type of event that is sent, and the entry of the audit log that causes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auth_server.records.audit.store import Event
from auth_server.rendering.translation import translatable

TEST = "webhook.test"


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of event.

    Attributes:
        name: the `type` of its messages.
        meaning: when it is sent, for the pages.
        entry: the audit log's event that causes it; None if a job sends it.
        ids: the entry's ids that the message contains.
        detail: the members of the entry's detail that it contains. Others are never sent.
        tenants: whether the tenant that it is about receives it, or only the operator.
    """

    name: str
    meaning: str
    entry: Event | None = None
    ids: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    tenants: bool = True


_GRANT_IDS = ("grant_id", "tenant_id", "person_id", "client_id")

EVENT_TYPES: tuple[EventType, ...] = (
    EventType(
        "grant.created",
        translatable("A member connected an app."),
        entry="grant.created",
        ids=_GRANT_IDS,
        detail=("client_name", "resource", "scope", "tools", "data_scope", "expires_at"),
    ),
    EventType(
        "grant.ended",
        translatable("The access of an app ended."),
        entry="grant.revoked",
        ids=_GRANT_IDS,
        detail=("reason",),
    ),
    EventType(
        "client.registered",
        translatable("An app registered itself."),
        entry="client.registered",
        ids=("client_id",),
        detail=("name",),
        tenants=False,
    ),
    EventType(
        "quota.reached",
        translatable("A quota or budget is used up to 80 or 100 percent."),
    ),
    EventType(
        "subscription.changed",
        translatable("The subscription changed its plan, its state or its end."),
        entry="subscription.changed",
        ids=("tenant_id",),
        detail=("status", "former_status", "plan", "former_plan", "ends_at"),
    ),
    EventType(
        "books.differ",
        translatable("The ledger and the usage disagree."),
        tenants=False,
    ),
    EventType(
        "api_key.expiring",
        translatable("An API key expires in 14 days or 3 days."),
    ),
)

_BY_ENTRY = {kind.entry: kind for kind in EVENT_TYPES if kind.entry is not None}


def types_for(tenant_id: str | None) -> tuple[EventType, ...]:
    """List the types that a tenant may receive, or all of them for the operator."""
    return tuple(kind for kind in EVENT_TYPES if kind.tenants or tenant_id is None)


def find_type(name: str) -> EventType:
    """Look up a type by its name."""
    return next(kind for kind in EVENT_TYPES if kind.name == name)


def type_of_entry(event: str) -> EventType | None:
    """Return the type that an event of the audit log causes; None if it causes none."""
    known: Mapping[Any, EventType] = _BY_ENTRY
    return known.get(event)
