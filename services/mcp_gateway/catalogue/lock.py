"""The lock file: a record of the published tools, which shows changes before they ship."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gatepost.document import DocumentError, parse_document
from gatepost.text.hidden import escape_text
from mcp_gateway.catalogue.catalogue import Catalogue, fingerprint
from mcp_gateway.catalogue.fill import describe_fill
from mcp_gateway.catalogue.jobs.task import describe_task
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.results.fields import format_field

LOCK_FILE = "tools.lock.json"
"""Its file name, beside a manifest."""
_VERSION = 1
Published = Mapping[str, Any]


class LockError(Exception):
    """The lock file can't be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Tool name to the record of the tool."""

    tools: Mapping[str, Published]

    def write(self) -> bytes:
        """Return the content, readable in diffs: sorted, indented, with hidden characters escaped."""
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        written = orjson.dumps({"version": _VERSION, "tools": self.tools}, option=options)
        return escape_text(written.decode()).encode()


def lock_catalogue(catalogue: Catalogue) -> Lock:
    """Record the tools of a catalogue."""
    return Lock({name: lock_tool(tool) for name, tool in catalogue.tools.items()})


def lock_tool(tool: Tool) -> Published:
    """Record the parts of a tool that matter to clients and reviewers."""
    return {
        "hash": fingerprint(tool),
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "scope": tool.scope,
        "toolsets": sorted(tool.toolsets),
        "readOnly": tool.read_only,
        "destructive": tool.destructive,
        "idempotent": tool.idempotent,
        "openWorld": tool.open_world or None,
        **_lock_exchange(tool),
        "confirm": tool.confirm is not None,
        "approval": tool.approval or None,
        "app": tool.app.describe() if tool.app else None,
        "task": describe_task(tool.task) if tool.task else None,
        "called": {one.name: _lock_exchange(one) for one in _called(tool)} or None,
        "billing": f"{tool.billing.units} {tool.billing.meter}, {tool.billing.when}",
        "version": tool.lifecycle.version,
        "replacedBy": tool.lifecycle.replaced_by,
        **({} if tool.output is None else {"outputSchema": tool.output.schema}),
    }


def _lock_exchange(tool: Tool) -> Published:
    """Record what a tool sends and which part of an answer it shows."""
    return {
        "operation": tool.target,
        "query": tool.graphql.text if tool.graphql else None,
        "bind": dict(tool.bindings),
        "fill": {key: describe_fill(fill) for key, fill in tool.fill.items()} or None,
        "check": {format_field(check.field): check.claim for check in tool.checks},
        "fields": [format_field(path) for path in tool.shape.fields],
        "redact": [format_field(path) for path in tool.shape.redact],
        "guard": tool.compiled_shape.guard,
        "slashes": sorted(p.argument for p in tool.operation.parameters if p.slashes),
    }


def _called(tool: Tool) -> Iterator[Tool]:
    """Yield the tools that a tool calls or that are asked about its job, which need not be exposed."""
    if tool.composite is not None:
        yield from (call.tool for call in tool.composite.calls)
    if tool.task is not None:
        yield from (one.tool for one in tool.task.asked)


def read_lock(path: Path) -> Lock | None:
    """Read a lock file, or return None if it does not exist.

    Raises:
        LockError: the file is not a valid lock file.
    """
    if not path.exists():
        return None
    try:
        source = parse_document(path.read_bytes())
    except (OSError, DocumentError) as error:
        raise LockError(f"{path} {error}") from None
    tools = source.get("tools")
    if source.get("version") != _VERSION or not isinstance(tools, dict):
        raise LockError(f"{path} is not a lock file of this version; write it again")
    known = {"inputSchema": dict, "scope": str, "bind": dict, "hash": str}
    for name, tool in tools.items():
        if (
            not isinstance(tool, dict)
            or not all(isinstance(tool.get(key), kind) for key, kind in known.items())
            or not isinstance(called := tool.get("called") or {}, dict)
            or not all(isinstance(one, dict) for one in called.values())
        ):
            raise LockError(f"{path}: {name} is incomplete; write the lock again")
    return Lock(tools)
