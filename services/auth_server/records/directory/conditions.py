"""Conditions on users and groups, as a filter states them and as SQL tests them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, not_, or_, true

Value = str | bool | int | float | None


class UnusableCondition(ValueError):
    """The condition can't be tested; the message says what can."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """An attribute compared with a value; `operator` is one of RFC 7644 §3.4.2.2, in lower case."""

    attribute: str
    operator: str
    value: Value = None


@dataclass(frozen=True, slots=True)
class Both:
    """Two conditions that must both hold."""

    left: "Condition"
    right: "Condition"


@dataclass(frozen=True, slots=True)
class Either:
    """Two conditions of which one must hold."""

    left: "Condition"
    right: "Condition"


@dataclass(frozen=True, slots=True)
class Negation:
    """A condition that must not hold."""

    inner: "Condition"


Condition = Comparison | Both | Either | Negation
Test = Callable[[str, Value], ColumnElement[bool]]


def to_sql(condition: Condition, tests: Mapping[str, Test]) -> ColumnElement[bool]:
    """Make the SQL of a condition.

    Args:
        condition: the condition.
        tests: what can be compared, by the attribute's name in lower case.

    Raises:
        UnusableCondition: an attribute can't be compared, or not in this way.
    """
    match condition:
        case Both(left, right):
            return and_(to_sql(left, tests), to_sql(right, tests))
        case Either(left, right):
            return or_(to_sql(left, tests), to_sql(right, tests))
        case Negation(inner):
            return not_(to_sql(inner, tests))
    test = tests.get(condition.attribute)
    if test is None:
        known = ", ".join(sorted(tests))
        raise UnusableCondition(f"{condition.attribute[:60]} can't be filtered by; use {known}")
    return test(condition.operator, condition.value)


def text_test(column: Any, *, fold: bool = False) -> Test:
    """Make the test of a text; with `fold`, the column holds lower case and the case is ignored."""

    def test(operator: str, value: Value) -> ColumnElement[bool]:
        if operator == "pr":
            found: ColumnElement[bool] = column.is_not(None)
            return found
        if not isinstance(value, str):
            raise UnusableCondition("this attribute is compared with a text in double quotes")
        wanted = value.lower() if fold else value
        compare: Mapping[str, Callable[[], ColumnElement[bool]]] = {
            "eq": lambda: column == wanted,
            "ne": lambda: or_(column != wanted, column.is_(None)),
            "co": lambda: column.contains(wanted, autoescape=True),
            "sw": lambda: column.startswith(wanted, autoescape=True),
            "ew": lambda: column.endswith(wanted, autoescape=True),
        }
        return _choose(compare, operator)()

    return test


def time_test(column: Any) -> Test:
    """Make the test of a time."""

    def test(operator: str, value: Value) -> ColumnElement[bool]:
        if operator == "pr":
            return true()
        try:
            wanted = datetime.fromisoformat(str(value))
            wanted = (wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise UnusableCondition('a time is written as "2026-11-29T18:00:00Z"') from None
        compare: Mapping[str, Callable[[], ColumnElement[bool]]] = {
            "eq": lambda: column == wanted,
            "ne": lambda: column != wanted,
            "gt": lambda: column > wanted,
            "ge": lambda: column >= wanted,
            "lt": lambda: column < wanted,
            "le": lambda: column <= wanted,
        }
        return _choose(compare, operator)()

    return test


def boolean_test(column: Any) -> Test:
    """Make the test of a boolean, which Entra writes as a text."""

    def test(operator: str, value: Value) -> ColumnElement[bool]:
        if operator == "pr":
            return true()
        wanted = {"true": True, "false": False}.get(str(value).lower())
        if wanted is None or operator not in {"eq", "ne"}:
            raise UnusableCondition("this attribute is compared by eq with true or false")
        found: ColumnElement[bool] = column.is_(wanted if operator == "eq" else not wanted)
        return found

    return test


def constant_test(constant: str) -> Test:
    """Make the test of a part that has the same value everywhere, such as the type of an address."""

    def test(operator: str, value: Value) -> ColumnElement[bool]:
        if operator == "pr":
            return true()
        if operator not in {"eq", "ne"}:
            raise UnusableCondition("this attribute is compared by eq or ne")
        return true() if (str(value).lower() == constant) == (operator == "eq") else false()

    return test


def _choose(
    compare: Mapping[str, Callable[[], ColumnElement[bool]]], operator: str
) -> Callable[[], ColumnElement[bool]]:
    found = compare.get(operator)
    if found is None:
        raise UnusableCondition(f"this attribute can be compared by {', '.join(compare)} or pr")
    return found
