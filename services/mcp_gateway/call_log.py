"""Where the record of each call goes: one line on standard error."""

import os
import sys
from typing import Any

import orjson
import structlog

from mcp_gateway.pipeline.call import Record

_log = structlog.get_logger()


def open_call_log() -> Record:
    """Open the log: readable on a terminal, JSON lines elsewhere."""
    if sys.stderr.isatty():
        return _write_for_people
    return _write_json


def _write_for_people(call: dict[str, Any]) -> None:
    fields = {name: value for name, value in call.items() if name not in _ADDED}
    _log.info("tool call", **fields)


def _write_json(call: dict[str, Any]) -> None:
    # Past structlog: its processors would cost more than the rest of the call's bookkeeping.
    try:
        os.write(sys.stderr.fileno(), orjson.dumps(call, option=orjson.OPT_APPEND_NEWLINE))
    except OSError:
        return  # nobody reads the log any more; the call must not fail for it


_ADDED = frozenset({"timestamp", "level", "event"})
