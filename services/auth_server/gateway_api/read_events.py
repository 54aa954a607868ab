"""Read the call events in a delivery or a stream entry, and keep apart what can't be read."""

from typing import Any

import orjson

from auth_server.records.refused_events.store import Refused
from gatepost.metering.call_event import CallEvent, MalformedEvent, read_event


def read_entry(
    data: bytes, *, resource: str | None = None
) -> tuple[list[CallEvent], list[Refused]]:
    """Read the events of a stream entry, which is a JSON array; `resource` as in `read_events`."""
    try:
        given = orjson.loads(data)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, list):
        return [], [Refused(data, "the stream entry does not contain events")]
    return read_events(given, resource=resource)


def read_events(
    given: list[Any], *, resource: str | None = None
) -> tuple[list[CallEvent], list[Refused]]:
    """Read parsed events.

    Args:
        given: the events.
        resource: the gateway that delivered them, which delivers only its own.
    """
    events, refused = [], []
    for value in given:
        try:
            event = read_event(value)
            if resource is not None and event.resource != resource:
                raise MalformedEvent("from another gateway")
            events.append(event)
        except MalformedEvent as problem:
            refused.append(Refused(orjson.dumps(value), str(problem), resource or ""))
    return events, refused
