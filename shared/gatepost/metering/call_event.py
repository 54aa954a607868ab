"""The call event: one record for each tool call, refused or not.

The gateway creates it, and the authorization server stores it in the call log. It contains the
caller, the tool, the decision and the cost, but never an argument, a secret or text of the upstream.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

EVENTS_PATH = "/internal/events"
"""The path to which gateways deliver events: JSON with `events` and the two members that
authenticate at `/token`."""
MOST_EVENTS = 500
"""Events in one delivery."""
MOST_BYTES = 1 << 20
"""Bytes of all events in one delivery."""
EVENTS_FIELD = "events"
"""The field of a stream entry that contains the events as a JSON array."""
LONGEST_ERROR = 300
"""Characters of `error`."""
LONGEST_STATED = 200
"""Characters of `searched` and of `purpose`."""

Decision = Literal["allowed", "refused", "failed"]
"""Allowed and answered; refused before the request to the upstream; allowed and failed."""
Era = Literal["handshake", "modern"]
Outcome = Literal["success", "error", "refused", "unknown"]
"""What the call did: it succeeded; the upstream was called without success; nothing was done; or the
request was sent and nobody knows the result."""

_LATEST_YEAR = 9998
# PostgreSQL can't store these characters, and our gateways don't send them.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _require_storable(text: str) -> str:
    if _UNSTORABLE.search(text):
        raise ValueError("must not contain NUL or a lone surrogate")
    return text


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("must name its time zone")
    # Nearer to the ends of the calendar, adding a month fails.
    if not 1970 <= moment.year <= _LATEST_YEAR:
        raise ValueError(f"must be between the years 1970 and {_LATEST_YEAR}")
    return moment.astimezone(UTC)


_Id = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_require_storable)]
_Name = Annotated[str, Field(max_length=255), AfterValidator(_require_storable)]
_Long = Annotated[str, Field(max_length=2048), AfterValidator(_require_storable)]
_Count = Annotated[int, Field(ge=0, lt=1 << 53)]
_Milliseconds = Annotated[float, Field(ge=0, lt=1e12, allow_inf_nan=False)]


class CallEvent(NamedTuple):
    """One tool call. It is a named tuple because that costs a third of a dataclass to create."""

    at: Annotated[datetime, AfterValidator(_in_utc)]
    """When the call began, by the gateway's clock."""
    call_id: _Id
    """The event's unique id: two events with one id are the same event."""
    request_id: _Id
    """The HTTP request's id, which the calls of a 2025-03-26 batch share."""
    resource: _Long
    """The gateway's resource."""
    tenant_id: _Name
    sub: _Long
    """The person, or the client of a call without a person."""
    client_id: _Long
    grant_id: _Name
    env: _Name
    """`live`, or `test` for a call with a test key."""
    tier: _Name
    tool: Annotated[str, Field(max_length=128), AfterValidator(_require_storable)]
    """The name in the call, cut to 128 characters; the tool may not exist."""
    tool_version: _Name
    """Empty if the manifest does not set one."""
    era: Era
    decision: Decision
    reason: Annotated[str, Field(max_length=64), AfterValidator(_require_storable)]
    """One word, if the decision is not `allowed`."""
    error: Annotated[str, Field(max_length=LONGEST_ERROR), AfterValidator(_require_storable)]
    """The gateway's own description of the error."""
    status: Annotated[int, Field(ge=100, le=999)] | None
    """The upstream's HTTP status; None without an answer."""
    duration_ms: _Milliseconds
    upstream_ms: _Milliseconds
    """The upstream's part of `duration_ms`, including retries and their pauses."""
    retries: _Count
    bytes_in: _Count
    """The size of the arguments as JSON."""
    bytes_out: _Count
    """The size of the tool result."""
    cost: _Count
    """The units of the call that count for quotas and billing; 0 if it counts for neither."""
    outcome: Outcome = "success"
    meter: _Name = ""
    """The meter of the units; empty if the call costs none."""
    counted: bool = True
    """False if the call passed while the gateway could not count it against the tenant's quotas."""
    trace_id: Annotated[str, Field(pattern="^([0-9a-f]{32})?$")] = ""
    """The trace that recorded the call; empty for most calls, which none does."""
    actor: _Long = ""
    """The sub-agent that called for the client; empty if the client itself called."""
    api: Annotated[str, Field(pattern="^[a-z0-9_]{0,32}$")] = ""
    """The API of the tool among several; empty if the gateway has only one, or for no tool."""
    calls_made: _Count = 0
    """The calls of other tools that a composite tool made; 0 for every other tool."""
    searched: Annotated[
        str, Field(max_length=LONGEST_STATED), AfterValidator(_require_storable)
    ] = ""
    """The words of a search that found no tool. The call log has neither these nor `purpose`: both are
    only counted, by the day and the tool."""
    purpose: Annotated[str, Field(max_length=LONGEST_STATED), AfterValidator(_require_storable)] = (
        ""
    )
    """The words with which the model said what it is trying to do, if the manifest asks for them."""
    called_as: Annotated[str, Field(max_length=128), AfterValidator(_require_storable)] = ""
    """The former name by which the tool was called, or the tool's name if it is deprecated. The call log
    does not have it; it is only counted, by the day, the name and the client."""
    repaired: Annotated[
        str, Field(max_length=LONGEST_STATED), AfterValidator(_require_storable)
    ] = ""
    """The names of the arguments of which the gateway corrected the type. The call log does not have them;
    they are only counted, by the day and the tool."""


def events_stream(issuer: str) -> str:
    """Name the Redis stream of an issuer's gateways; the key's hash tag keeps it in one slot."""
    return f"gatepost:{{{issuer}}}:events"


PARTITIONS = 4
"""The number of streams for calls that were reserved. A tenant's calls all go to one of them, in the
slot of a Redis cluster that also holds the tenant's counters."""


def partition_tag(issuer: str, partition: int) -> str:
    """Return the hash tag of a partition's keys, with its braces."""
    return f"{{{issuer} {partition:02}}}"


def calls_stream(issuer: str, partition: int) -> str:
    """Name the Redis stream of a partition's calls."""
    return f"gatepost:{partition_tag(issuer, partition)}:calls"


class MalformedEvent(ValueError):
    """A text is not a call event; the message names the first wrong member."""


_FIELDS = frozenset(CallEvent._fields)
_COUNTED = frozenset({"searched", "purpose", "called_as", "repaired"})
LOGGED = tuple(name for name in CallEvent._fields if name not in _COUNTED)
"""The members that logs keep, of the gateway and of the authorization server. They come first."""
# Quotes inside a text are escaped, so this begins a member wherever it stands.
_STATED = b',"searched":'
_READER = TypeAdapter(CallEvent)


def write_event(event: CallEvent) -> bytes:
    """Write an event as one line of JSON, without the members that are only counted if all are empty."""
    if event.searched or event.purpose or event.called_as or event.repaired:
        return orjson.dumps(event._asdict())
    return orjson.dumps(as_logged(event))


def as_logged(event: CallEvent) -> dict[str, Any]:
    """Return the members of an event that logs keep."""
    return dict(zip(LOGGED, event, strict=False))


def without_words(written: bytes) -> bytes:
    """Return a written event without the members that are only counted, as logs have it."""
    place = written.find(_STATED)
    return written if place < 0 else written[:place] + b"}"


def write_events(events: Iterable[bytes]) -> bytes:
    """Join written events to a JSON array."""
    return b"[" + b",".join(events) + b"]"


def read_event(value: Any) -> CallEvent:
    """Read an event from parsed JSON; unknown members of a newer gateway are ignored.

    Raises:
        MalformedEvent: it is not one.
    """
    if not isinstance(value, dict):
        raise MalformedEvent("an event must be an object")
    try:
        return _READER.validate_python({k: v for k, v in value.items() if k in _FIELDS})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise MalformedEvent(f"{place}: {first['msg']}") from None


def take_batch(events: Sequence[bytes]) -> int:
    """Count how many of the first events fit into one delivery; at least one does."""
    size = 0
    for number, event in enumerate(events[:MOST_EVENTS]):
        size += len(event) + 1
        if size > MOST_BYTES and number:
            return number
    return min(len(events), MOST_EVENTS)
