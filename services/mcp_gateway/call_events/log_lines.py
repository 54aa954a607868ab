"""The line that each call leaves on standard error, written from its event."""

import os
import sys
from collections.abc import Sequence

import orjson
import structlog

from mcp_gateway.call_events.recorder import WriteLog

log = structlog.get_logger()

_AT = b'{"at"'
_START = b'{"level":"info","event":"tool_call","timestamp"'


def open_log_writer() -> WriteLog:
    """Choose how events are logged: readable on a terminal, JSON lines elsewhere."""
    return _write_for_people if sys.stderr.isatty() else _write_json


def _write_for_people(events: Sequence[bytes]) -> None:
    for event in events:
        fields = orjson.loads(event)
        del fields["at"]
        log.info("tool_call", **{name: value for name, value in fields.items() if value != ""})


def _write_json(events: Sequence[bytes]) -> None:
    # Past structlog: its processors would cost more than the rest of the call's bookkeeping.
    lines = b"".join([_START + event.removeprefix(_AT) + b"\n" for event in events])
    try:
        os.write(sys.stderr.fileno(), lines)
    except OSError:
        return  # nobody reads the log any more
