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
