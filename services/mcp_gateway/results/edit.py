"""Remove fields from an answer that the model does not need, and redact values it must not see."""

from collections.abc import Callable, Sequence
from typing import Any

from mcp_gateway.results.fields import EACH, FieldPath

REDACTED = "[redacted]"
Edit = Callable[[Any], Any]
"""Takes a parsed answer, which it may modify, and returns the edited answer."""

_ABSENT = object()
_Tree = dict[str, Any]


def compile_edit(fields: Sequence[FieldPath], redact: Sequence[FieldPath]) -> Edit | None:
    """Return one edit for both keys, or None if both are empty."""
    if not fields and not redact:
        return None
    tree: _Tree = {}
    for path in fields:
        _plant(tree, path)
    redactions = [_compile_redaction(path) for path in redact]

    def edit(answer: Any) -> Any:
        for redaction in redactions:
            answer = redaction(answer)
        if not tree:
            return answer
        kept = _keep(answer, tree)
        return {} if kept is _ABSENT else kept

    return edit


def _plant(tree: _Tree, path: FieldPath) -> None:
    """Add a field; an empty tree keeps everything below, so a wider field includes a narrower."""
    for part in path[:-1]:
        if part in tree and not tree[part]:
            return
        tree = tree.setdefault(part, {})
    tree[path[-1]] = {}


def _keep(value: Any, tree: _Tree) -> Any:
    if not tree:
        return value
    if type(value) is list and EACH in tree:
        kept = (_keep(item, tree[EACH]) for item in value)
        return [item for item in kept if item is not _ABSENT]
    if type(value) is not dict:
        return _ABSENT
    members = ((name, _keep(item, tree[name])) for name, item in value.items() if name in tree)
    return {name: item for name, item in members if item is not _ABSENT}


def _compile_redaction(path: FieldPath) -> Edit:
    edit: Edit = _redact
    for part in reversed(path):
        edit = _each(edit) if part == EACH else _member(part, edit)
    return edit


def _redact(value: Any) -> Any:
    return value if value is None else REDACTED


def _member(name: str, edit: Edit) -> Edit:
    def member(value: Any) -> Any:
        if type(value) is dict:
            if name in value:
                value[name] = edit(value[name])
            return value
        return _redact(value)  # an unexpected type may contain the value anywhere

    return member


def _each(edit: Edit) -> Edit:
    def each(value: Any) -> Any:
        if type(value) is list:
            return [edit(item) for item in value]
        return _redact(value)

    return each
