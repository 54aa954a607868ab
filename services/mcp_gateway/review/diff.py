"""Classify changes for users of the tools: breaking, security, additive, or wording only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_gateway.catalogue.lock import Lock, Published
from mcp_gateway.review.output_diff import compare_outputs
from mcp_gateway.review.schema_diff import Kind, compare_schemas

KINDS: tuple[Kind, ...] = ("breaking", "security", "additive", "wording")
"""Worst first."""
# Keys that decide who may do what, and which parts of an answer are visible.
_SECURITY = {
    "scope": "the scope",
    "toolsets": "the toolsets",
    "readOnly": "whether it only reads",
    "destructive": "whether it is destructive",
    "operation": "the upstream operation",
    "query": "the GraphQL query",
    "bind": "the arguments bound to claims",
    "fill": "the arguments that the gateway fills",
    "check": "the checks of the answer",
    "fields": "which fields are shown",
    "redact": "which fields are hidden",
    "guard": "the guard against instructions in answers",
    "slashes": "which path arguments may contain slashes",
    "confirm": "whether a person is asked first",
    "approval": "whether an admin must approve it",
    "task": "the tools that follow its job",
}
_WORDING = {
    "title": "the title",
    "description": "the description",
    "idempotent": "whether repeating it is harmless",
    "openWorld": "whether it reaches beyond the API's own data",
    "billing": "what a call costs",
    "app": "how hosts show the answer",
    "version": "the version",
    "replacedBy": "its replacement",
}

_SENT = ("operation", "query")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one tool."""

    tool: str
    kind: Kind
    message: str


def compare_locks(
    old: Lock,
    new: Lock,
    replaced: Mapping[str, str],
    renamed: Mapping[str, tuple[str, Published]],
) -> list[Change]:
    """Return the changes, worst first, then sorted by tool name.

    Args:
        old: the published tools.
        new: the tools to publish.
        replaced: tools that are no longer served, to the replacement of each. Removing such a
            tool is not a breaking change.
        renamed: former names of the new tools, each with the tool's name now and its record as clients
            see it that use the former name.
    """
    changes = [
        change for name in sorted(old.tools) for change in _old(name, old, new, replaced, renamed)
    ]
    known = {renamed[name][0] for name in old.tools.keys() & renamed.keys()}
    for name in sorted(new.tools.keys() - old.tools.keys() - known):
        changes.append(Change(name, "additive", "is new"))
    return sorted(changes, key=lambda change: (KINDS.index(change.kind), change.tool))


def compare_tools(name: str, old: Published, new: Published) -> Iterator[Change]:
    """Yield the changes of one tool."""
    if old["hash"] == new["hash"]:
        return
    changes = list(_changes(name, old, new))
    yield from changes or [Change(name, "wording", "how it is sent, asked for or limited changed")]


def _changes(name: str, old: Published, new: Published) -> Iterator[Change]:
    for kind, message in compare_schemas(old["inputSchema"], new["inputSchema"]):
        yield Change(name, kind, message)
    for kind, message in sorted(compare_outputs(old.get("outputSchema"), new.get("outputSchema"))):
        yield Change(name, kind, message)
    for key, words in _SECURITY.items():
        if old.get(key) != new.get(key):
            yield Change(name, "security", f"{words}: {_say(old.get(key), new.get(key))}")
    yield from _changes_of_called(name, old.get("called"), new.get("called"))
    for key, words in _WORDING.items():
        if old.get(key) != new.get(key):
            yield Change(name, "wording", f"{words} changed")


def _changes_of_called(
    name: str, old: Mapping[str, Published] | None, new: Mapping[str, Published] | None
) -> Iterator[Change]:
    """Yield the changes of tools that a tool calls, which may have no record of their own."""
    old, new = old or {}, new or {}
    for called in sorted(old.keys() & new.keys()):
        before, now = old[called], new[called]
        for key, words in _SECURITY.items():
            if before.get(key) != now.get(key):
                said = f"{words}, of {called}: {_say(before.get(key), now.get(key))}"
                yield Change(name, "security", said)


def _old(
    name: str,
    old: Lock,
    new: Lock,
    replaced: Mapping[str, str],
    renamed: Mapping[str, tuple[str, Published]],
) -> Iterator[Change]:
    if name in new.tools:
        yield from compare_tools(name, old.tools[name], new.tools[name])
    elif name in renamed:
        now, record = renamed[name]
        yield Change(name, "additive", f"is called {now} now, and still answers to this name")
        yield from _changes(name, old.tools[name], record)
    elif replaced.get(name) in new.tools:
        yield Change(name, "additive", f"is replaced by {replaced[name]}")
    elif twin := _find_twin(name, old, new):
        advice = f"{twin} has its operation: if it is the same tool, add `former: "
        yield Change(
            name, "breaking", f"is no longer served; {advice}[{{name: {name}, until: DATE}}]` there"
        )
    else:
        advice = "keep it, or name its successor with `replaced_by` beside `expose: false`"
        yield Change(name, "breaking", f"is no longer served; {advice}")


def _find_twin(name: str, old: Lock, new: Lock) -> str | None:
    """Return the new tool that sends what a removed one sent, if there is exactly one."""
    sent = [old.tools[name].get(key) for key in _SENT]
    twins = [
        other
        for other, record in new.tools.items()
        if other not in old.tools and [record.get(key) for key in _SENT] == sent
    ]
    return twins[0] if len(twins) == 1 else None


def _say(old: Any, new: Any) -> str:
    return f"{_short(old)} before, {_short(new)} now"


def _short(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{key}: {item}" for key, item in value.items()) or "none"
        case list():
            return ", ".join(map(str, value)) or "none"
        case _:
            text = " ".join(str(value).split())
            return text if len(text) <= 80 else f"{text[:79]}…"
