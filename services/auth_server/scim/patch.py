"""Apply patches to resources, as the standard, Okta and Entra write them (RFC 7644 §3.5.2)."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from auth_server.records.directory.conditions import (
    Both,
    Comparison,
    Condition,
    Either,
    Negation,
)
from auth_server.scim.errors import invalid
from auth_server.scim.filters import Path, parse_path
from auth_server.scim.schema import NOT_KEPT, Attribute, find_attribute, read_value, require_few

_MOST_OPERATIONS, _LONGEST_PATHS = 1_000, 64 * 1024
_CORE = "urn:ietf:params:scim:schemas:core:2.0:"
_OPS = frozenset({"add", "remove", "replace"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of an attribute; `value` is as it was sent."""

    op: str
    path: Path
    value: Any


def read_operations(body: Mapping[str, Any], attributes: tuple[Attribute, ...]) -> list[Operation]:
    """Read the operations of a patch; one without a path becomes one for each of its attributes.

    Those on attributes that are not kept are left out, but a name that no schema has is refused: a
    mistyped `active` must not pass as done.

    Raises:
        ScimError: `invalidSyntax`, `invalidPath`, `invalidValue` or `noTarget`.
    """
    listed = next((value for name, value in body.items() if name.lower() == "operations"), None)
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_OPERATIONS:
        what = f"Operations must be a list of 1 to {_MOST_OPERATIONS} operations"
        raise invalid(what, "invalidSyntax")
    read: list[Operation] = []
    for op, path, value in _read_targets(listed):
        attribute = find_attribute(attributes, path.attribute)
        if attribute is None:
            raise invalid(f"path: {path.attribute[:60]} is not an attribute here", "invalidPath")
        if path.part is not None and find_attribute(attribute.parts, path.part) is None:
            if not attribute.parts or path.part != "$ref":
                raise invalid(f"path: {attribute.name} has no part {path.part[:60]}", "invalidPath")
            continue
        if path.condition is not None and not attribute.many:
            raise invalid(f"path: {attribute.name} has one value only", "invalidPath")
        read.append(Operation(op, Path(attribute.name, path.condition, path.part), value))
    return read


def apply(
    resource: Mapping[str, Any],
    operations: Iterable[Operation],
    attributes: tuple[Attribute, ...],
) -> dict[str, Any]:
    """Return a resource after operations, without changing the given one; its values are as sent."""
    changed = deepcopy(dict(resource))
    for operation in operations:
        attribute = find_attribute(attributes, operation.path.attribute)
        if attribute is None:
            raise LookupError(operation.path.attribute)
        if attribute.many:
            _change_values(changed, attribute, operation)
        elif attribute.parts:
            _change_parts(changed, attribute, operation)
        elif operation.op == "remove":
            changed.pop(attribute.name, None)
        else:
            changed[attribute.name] = operation.value
    return changed


def meets(value: Mapping[str, Any], condition: Condition) -> bool:
    """Return whether one of several values meets the condition of a path."""
    match condition:
        case Both(left, right):
            return meets(value, left) and meets(value, right)
        case Either(left, right):
            return meets(value, left) or meets(value, right)
        case Negation(inner):
            return not meets(value, inner)
        case Comparison(attribute, operator, wanted):
            return _compare(value, attribute, operator, wanted)


def _read_targets(operations: Iterable[Any]) -> Iterator[tuple[str, Path, Any]]:
    """Read what each operation changes, as far as it is kept, within the bounds of a patch (A234)."""
    targets, room = 0, _LONGEST_PATHS
    for one in operations:
        if not isinstance(one, dict):
            raise invalid("each of Operations must be an object", "invalidSyntax")
        parts = {name.lower(): value for name, value in one.items()}
        # Entra capitalises them.
        op = str(parts.get("op", "")).lower()
        if op not in _OPS:
            raise invalid("op must be add, remove or replace", "invalidSyntax")
        for text, value in _targets(op, parts):
            targets, room = targets + 1, room - len(text)
            if targets > _MOST_OPERATIONS or room < 0:
                raise invalid("Operations change too much at once; send several patches")
            path = parse_path(text)
            if path.attribute.startswith(_CORE):
                raise invalid("path: name the attribute after the schema", "invalidPath")
            if path.attribute not in NOT_KEPT and not path.attribute.startswith("urn:"):
                yield op, path, value


def _targets(op: str, parts: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    path, value = parts.get("path"), parts.get("value")
    if path not in (None, ""):
        if not isinstance(path, str):
            raise invalid("path must be a text", "invalidPath")
        return [(path, value)]
    if op == "remove":
        raise invalid("an operation that removes needs a path", "noTarget")
    if not isinstance(value, dict):
        raise invalid("value must be an object of attributes, because there is no path")
    return value.items()


def _change_parts(changed: dict[str, Any], attribute: Attribute, operation: Operation) -> None:
    part, value = operation.path.part, operation.value
    before = changed.get(attribute.name)
    kept = dict(before) if isinstance(before, dict) else {}
    if part is None:
        if operation.op == "remove" or value is None:
            changed.pop(attribute.name, None)
            return
        kept |= read_value(attribute, value)
    else:
        _set_part(kept, attribute, part, None if operation.op == "remove" else value)
    changed[attribute.name] = kept


def _change_values(changed: dict[str, Any], attribute: Attribute, operation: Operation) -> None:
    path, op = operation.path, operation.op
    values = [dict(one) for one in changed.get(attribute.name) or []]
    chosen = [one for one in values if path.condition is None or meets(one, path.condition)]
    if op == "remove" and path.part is None:
        if path.condition is None and operation.value:
            # Entra names what is removed in the value.
            named = {one.get("value") for one in read_value(attribute, operation.value)}
            chosen = [one for one in values if one.get("value") in named]
        changed[attribute.name] = [one for one in values if one not in chosen]
        return
    if path.condition is None and path.part is None:
        new = read_value(attribute, operation.value) or []
        values = new if op == "replace" else _add(values, new)
        # Before the next operation compares with all of them.
        require_few(attribute, values)
    else:
        if not chosen and op != "remove":
            # Entra sets the address of a type that is not there yet.
            chosen = [_described_by(path.condition)]
            values += chosen
        for one in chosen:
            if path.part is not None:
                part_value = None if op == "remove" else operation.value
                _set_part(one, attribute, path.part, part_value)
            elif isinstance(read := read_value(attribute, operation.value), list) and read:
                one |= read[0]
    if any(one.get("primary") for one in chosen) and len(chosen) < len(values):
        for one in values:
            if one not in chosen:
                one.pop("primary", None)
    changed[attribute.name] = values


def _add(values: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    added = [one for one in new if one not in values]
    if any(one.get("primary") for one in added):
        values = [{k: v for k, v in one.items() if k != "primary"} for one in values]
    return values + added


def _set_part(value: dict[str, Any], attribute: Attribute, part: str, new: Any) -> None:
    found = find_attribute(attribute.parts, part)
    if found is None:
        raise LookupError(part)
    if new in (None, ""):
        value.pop(found.name, None)
    else:
        value[found.name] = new


def _described_by(condition: Condition | None) -> dict[str, Any]:
    """Return the value that a condition of equalities describes."""
    match condition:
        case Both(left, right):
            return _described_by(left) | _described_by(right)
        case Comparison(attribute, "eq", value):
            return {attribute: value}
    return {}


def _compare(value: Mapping[str, Any], name: str, operator: str, wanted: Any) -> bool:
    held = next((each for key, each in value.items() if key.lower() == name), None)
    if operator == "pr":
        return held not in (None, "")
    left = str(held).lower() if held is not None else ""
    right = str(wanted).lower() if wanted is not None else ""
    if operator == "eq":
        return left == right
    if operator == "ne":
        return left != right
    if operator not in {"co", "sw", "ew"}:
        raise invalid("path: its condition can use eq, ne, co, sw, ew and pr", "invalidPath")
    tests = {"co": right in left, "sw": left.startswith(right), "ew": left.endswith(right)}
    return tests[operator]
