"""The tool lists that directories approved, and how the catalogue differs from them.

A directory reviews names, titles, descriptions, arguments and annotations. A lock file beside the manifest
records what it approved, and a second one the changes that the operator acknowledged since.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.lock import Lock, LockError, Published, read_lock
from mcp_gateway.catalogue.tool import Tool

DIRECTORIES = ("claude", "openai")
"""The directories that review a tool list before they publish it."""
Change = Literal["new", "words", "arguments", "hints", "removed"]
_SAID: Mapping[Change, str] = {
    "new": "is not in the approved list",
    "words": "has another title or description than approved",
    "arguments": "has other arguments than approved",
    "hints": "has other annotations than approved",
    "removed": "was approved, and is no longer exposed",
}


@dataclass(frozen=True, slots=True)
class Approval:
    """What one directory approved, and what the operator acknowledged since."""

    directory: str
    approved: Lock
    acknowledged: Lock | None = None

    def accepted(self, name: str) -> Iterator[Published]:
        """Yield the records of a tool that may be served."""
        for lock in (self.approved, self.acknowledged):
            if lock is not None and name in lock.tools:
                yield lock.tools[name]

    @property
    def names(self) -> frozenset[str]:
        """The tools that the catalogue should have."""
        current = self.approved if self.acknowledged is None else self.acknowledged
        return frozenset(current.tools)


@dataclass(frozen=True, slots=True)
class Drift:
    """A tool that differs from what a directory approved."""

    directory: str
    tool: str
    change: Change

    def describe(self) -> str:
        """Say the difference in a sentence without its end."""
        return f"{self.directory}: {self.tool} {_SAID[self.change]}"


def approved_file(folder: Path, directory: str) -> Path:
    """Return the file in a manifest's folder that records what a directory approved."""
    return folder / f"approved.{directory}.lock.json"


def acknowledged_file(folder: Path, directory: str) -> Path:
    """Return the file in a manifest's folder that records what the operator acknowledged since."""
    return folder / f"acknowledged.{directory}.lock.json"


def approval_files(folder: Path) -> tuple[Path, ...]:
    """Return every file that `read_approvals` looks for, whether it exists or not."""
    kinds = (approved_file, acknowledged_file)
    return tuple(kind(folder, directory) for directory in DIRECTORIES for kind in kinds)


def read_approvals(folder: Path) -> tuple[Approval, ...]:
    """Read what each directory approved of the manifest in a folder; without a file, it approved nothing.

    Raises:
        LockError: a file can't be read, or changes were acknowledged to a list that is missing.
    """
    found = []
    for directory in DIRECTORIES:
        approved = read_lock(approved_file(folder, directory))
        acknowledged = read_lock(acknowledged_file(folder, directory))
        if approved is not None:
            found.append(Approval(directory, approved, acknowledged))
        elif acknowledged is not None:
            raise LockError(
                f"{approved_file(folder, directory)} is missing beside {acknowledged_file(folder, directory)}; "
                "restore it, or remove both"
            )
    return tuple(found)


def find_drift(catalogue: Catalogue, approvals: Iterable[Approval]) -> list[Drift]:
    """Return how the catalogue differs from each approved list, by directory and tool."""
    return [drift for one in approvals for drift in _drift_from(catalogue, one)]


def keep_approved(catalogue: Catalogue, approvals: Sequence[Approval]) -> Catalogue:
    """Return the part of a catalogue that every directory approved or the operator acknowledged.

    A tool of which only words differ keeps the approved words; a tool that differs in more is left out.
    """
    found = [_keep(tool, approvals) for tool in catalogue.tools.values()]
    return catalogue.with_tools(tool for tool in found if tool is not None)


def describe_drift(drift: Sequence[Drift]) -> str:
    """Write each difference on a line, and the ways out."""
    lines = [one.describe() for one in drift]
    directories = dict.fromkeys(one.directory for one in drift)
    commands = " and ".join(f"`gatepost publish --acknowledge {one}`" for one in directories)
    return "\n".join([*lines, f"take the changes back, or run {commands}"])


def _drift_from(catalogue: Catalogue, approval: Approval) -> Iterator[Drift]:
    for name in sorted(catalogue.tools.keys() | approval.names):
        tool = catalogue.tools.get(name)
        change = "removed" if tool is None else _closest(tool, approval)[0]
        if change is not None:
            yield Drift(approval.directory, name, change)


def _keep(tool: Tool, approvals: Sequence[Approval]) -> Tool | None:
    """Return the tool, or the tool with recorded words, that every directory accepts; None if there is none."""
    for one in (tool, *_reworded(tool, approvals)):
        if all(_closest(one, approval)[0] is None for approval in approvals):
            return one
    return None


def _reworded(tool: Tool, approvals: Sequence[Approval]) -> Iterator[Tool]:
    for approval in approvals:
        for record in approval.accepted(tool.name):
            title, description = record.get("title"), record.get("description")
            if isinstance(title, str) and isinstance(description, str):
                yield replace(tool, title=title, description=description)


def _closest(tool: Tool, approval: Approval) -> tuple[Change | None, Published]:
    """Return the accepted record that differs least from a tool, and how; None if it does not differ."""
    order: tuple[Change | None, ...] = (None, "words", "hints", "arguments", "new")
    found = [(_compare(tool, record), record) for record in approval.accepted(tool.name)]
    return min(found, key=lambda one: order.index(one[0]), default=("new", {}))


def _compare(tool: Tool, record: Published) -> Change | None:
    """Compare what models see of a tool with the record; members that records don't have are left out."""
    if _written(tool.input_schema) != _written(record["inputSchema"]):
        return "arguments"
    hints = (tool.read_only, tool.destructive, tool.idempotent, tool.open_world)
    keys = ("readOnly", "destructive", "idempotent", "openWorld")
    # A lock leaves an absent `openWorld` out.
    if hints != tuple(bool(record.get(key)) for key in keys):
        return "hints"
    words = (record.get("title"), record.get("description"))
    return None if (tool.title, tool.description) == words else "words"


def _written(value: Any) -> bytes:
    return orjson.dumps(value, default=dict, option=orjson.OPT_SORT_KEYS)
