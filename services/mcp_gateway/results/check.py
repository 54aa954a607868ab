"""Check that every record of an answer belongs to the caller."""

from collections.abc import Callable
from typing import Any

from mcp_gateway.results.fields import EACH, FieldPath

Check = Callable[[Any, frozenset[str]], bool]
"""Takes a parsed answer and the allowed values of the field."""


def compile_check(path: FieldPath) -> Check:
    """Return a check that each value of a field is one of the wanted texts, or the same as a number.

    An empty list, or null instead of a list, has no records and passes; a missing field does not.
    """
    check: Check = _is_wanted
    for part in reversed(path):
        check = _each(check) if part == EACH else _member(part, check)
    return check


def compile_error_check(path: FieldPath) -> Check:
    """Return a check of an error, which may hold a record at any place.

    Wherever the field's name occurs, the value must be wanted; an error without it passes. Of the
    path, the part below its last list counts: `org_id` of `tasks[].org_id`.
    """
    last = max((place for place, part in enumerate(path) if part == EACH), default=-1)
    names = path[last + 1 :] or path[max(last - 1, 0) :]
    check, first = compile_check(names), names[0]

    def everywhere(value: Any, wanted: frozenset[str]) -> bool:
        waiting = [value]
        while waiting:
            held = waiting.pop()
            if type(held) is dict:
                if first in held and not check(held, wanted):
                    return False
                waiting.extend(held.values())
            elif type(held) is list:
                waiting.extend(held)
        return True

    return everywhere


def _is_wanted(value: Any, wanted: frozenset[str]) -> bool:
    if type(value) is str:
        return value in wanted
    return type(value) is int and str(value) in wanted


def _member(name: str, check: Check) -> Check:
    if check is _is_wanted:  # saves a function call for each record

        def is_wanted(value: Any, wanted: frozenset[str]) -> bool:
            found = value.get(name) if type(value) is dict else None
            return found in wanted if type(found) is str else _is_wanted(found, wanted)

        return is_wanted

    def member(value: Any, wanted: frozenset[str]) -> bool:
        return type(value) is dict and name in value and check(value[name], wanted)

    return member


def _each(check: Check) -> Check:
    def each(value: Any, wanted: frozenset[str]) -> bool:
        if type(value) is not list:
            return value is None
        return all(check(item, wanted) for item in value)

    return each
