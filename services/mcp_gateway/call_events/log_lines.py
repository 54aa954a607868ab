"""Write the log line of each call to standard error, from the call's event."""

import os
import sys
from collections.abc import Sequence

import orjson
import structlog

from gatepost.metering.call_event import without_words
from mcp_gateway.call_events.recorder import WriteLog

log = structlog.get_logger()

_AT = b'{"at"'
_START = b'{"level":"info","event":"tool_call","timestamp"'


def open_log_writer() -> WriteLog:
    """Return the function that logs events: text for a terminal, JSON lines otherwise."""
    return _write_for_people if sys.stderr.isatty() else _write_json


def _write_for_people(events: Sequence[bytes]) -> None:
    for event in events:
        fields = orjson.loads(without_words(event))
        del fields["at"]
        log.info("tool_call", **{name: value for name, value in fields.items() if value != ""})


def _write_json(events: Sequence[bytes]) -> None:
    # Bypass structlog: its processors would cost more than the rest of the call's recording.
    lines = b"".join([_START + without_words(event).removeprefix(_AT) + b"\n" for event in events])
    try:
        os.write(sys.stderr.fileno(), lines)
    except OSError:
        return  # the reader of the log has gone
