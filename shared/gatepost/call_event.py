"""The call event: one record for each tool call, refused or not, that both services agree on.

The gateway makes it, the authorization server keeps it in the call log. It holds who called what,
what was decided, and what it took; never an argument, a secret, or what the upstream said.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

EVENTS_PATH = "/internal/events"
"""Where gateways deliver them: JSON with `events` and the two members that authenticate at
`/token`."""
MOST_EVENTS = 500
"""Events in one delivery."""
MOST_BYTES = 1 << 20
"""Bytes of all events in one delivery."""
EVENTS_FIELD = "events"
"""Of an entry of the stream: the events as a JSON array."""
LONGEST_ERROR = 300
"""Characters of `error`."""

Decision = Literal["allowed", "refused", "failed"]
"""Let through and answered; refused before the upstream was asked; let through and failed."""
Era = Literal["handshake", "modern"]

# PostgreSQL stores neither, and no gateway of ours sends them.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _require_storable(text: str) -> str:
    if _UNSTORABLE.search(text):
        raise ValueError("must hold neither NUL nor half a character")
    return text


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("must name its time zone")
    return moment.astimezone(UTC)


_Id = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_require_storable)]
_Name = Annotated[str, Field(max_length=255), AfterValidator(_require_storable)]
_Long = Annotated[str, Field(max_length=2048), AfterValidator(_require_storable)]
_Count = Annotated[int, Field(ge=0, lt=1 << 53)]
_Milliseconds = Annotated[float, Field(ge=0, lt=1e12, allow_inf_nan=False)]


class CallEvent(NamedTuple):
    """One tool call; a named tuple is made at a third of a dataclass's cost, for every call."""

    at: Annotated[datetime, AfterValidator(_in_utc)]
    """When the call began, by the gateway's clock."""
    call_id: _Id
    """The event's unique id: two events with one id are the same event."""
    request_id: _Id
    """Of the HTTP request, which a batch of 2025-03-26 shares."""
    resource: _Long
    """The gateway's."""
    tenant_id: _Name
    sub: _Long
    """The person, or the client where it came without one."""
    client_id: _Long
    grant_id: _Name
    env: _Name
    """`live`, or `test` where a test key called."""
    tier: _Name
    tool: Annotated[str, Field(max_length=128), AfterValidator(_require_storable)]
    """As the call named it, cut to 128 characters; it need not exist."""
    tool_version: _Name
    """Empty where the manifest gives none."""
    era: Era
    decision: Decision
    reason: Annotated[str, Field(max_length=64), AfterValidator(_require_storable)]
    """One word where the decision is not `allowed`."""
    error: Annotated[str, Field(max_length=LONGEST_ERROR), AfterValidator(_require_storable)]
    """What went wrong in the gateway's own words."""
    status: Annotated[int, Field(ge=100, le=999)] | None
    """The upstream's HTTP status; None where it did not answer, or was not asked."""
    duration_ms: _Milliseconds
    upstream_ms: _Milliseconds
    """Of these, how long the upstream took, retries and their pauses included."""
    retries: _Count
    bytes_in: _Count
    """Of the arguments, as JSON."""
    bytes_out: _Count
    """Of what the model reads."""
    cost: _Count
    """Units that the call stands for in quota and billing; 0 for a tool that does not exist."""


def events_stream(issuer: str) -> str:
    """Name the Redis stream of an issuer's gateways: one key, so one slot of a cluster holds it."""
    return f"gatepost:{{{issuer}}}:events"


class MalformedEvent(ValueError):
    """A text is not a call event; the message names the first member that is wrong."""


_FIELDS = frozenset(CallEvent._fields)
_READER = TypeAdapter(CallEvent)


def write_event(event: CallEvent) -> bytes:
    """Write an event as one line of JSON."""
    return orjson.dumps(event._asdict())


def write_events(events: Iterable[bytes]) -> bytes:
    """Join written events to a JSON array."""
    return b"[" + b",".join(events) + b"]"


def read_event(value: Any) -> CallEvent:
    """Read an event out of parsed JSON; members of a newer gateway are passed over.

    Raises:
        MalformedEvent: it is not one.
    """
    if not isinstance(value, dict):
        raise MalformedEvent("an event is an object")
    try:
        return _READER.validate_python({k: v for k, v in value.items() if k in _FIELDS})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise MalformedEvent(f"{place}: {first['msg']}") from None


def take_batch(events: Sequence[bytes]) -> int:
    """Count how many of these, from the first, fit into one delivery; at least one does."""
    size = 0
    for number, event in enumerate(events[:MOST_EVENTS]):
        size += len(event) + 1
        if size > MOST_BYTES and number:
            return number
    return min(len(events), MOST_EVENTS)
