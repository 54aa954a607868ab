"""Field selection and redaction."""

from typing import Any

import pytest

from mcp_gateway.results.edit import compile_edit
from mcp_gateway.results.fields import parse_field

ANSWER: dict[str, Any] = {
    "items": [{"id": 1, "owner": {"name": "Ada", "mail": "a@b"}}, {"id": 2, "owner": None}],
    "total": 2,
}


def edited(value: Any, *, fields: tuple[str, ...] = (), redact: tuple[str, ...] = ()) -> Any:
    """Edit a value as a manifest with these fields would."""
    edit = compile_edit([parse_field(p) for p in fields], [parse_field(p) for p in redact])
    assert edit is not None
    return edit(value)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        (("total",), {"total": 2}),
        (("items[].id",), {"items": [{"id": 1}, {"id": 2}]}),
        (("items[].owner.name",), {"items": [{"owner": {"name": "Ada"}}, {}]}),
        (
            ("items[].owner", "items[].owner.name"),
            {"items": [{"owner": ANSWER["items"][0]["owner"]}, {"owner": None}]},
        ),
        (("items[].owner.name", "items"), {"items": ANSWER["items"]}),
        (("items.id", "gone"), {}),
    ],
)
def test_only_the_named_places_are_kept(fields: tuple[str, ...], kept: Any) -> None:
    assert edited(ANSWER, fields=fields) == kept


def test_the_items_of_a_bare_list_are_places_too() -> None:
    assert edited([{"a": 1, "b": 2}, 3], fields=("[].a",)) == [{"a": 1}]


@pytest.mark.parametrize(
    ("answer", "redact", "shown"),
    [
        ({"a": {"b": 1, "c": 2}}, "a.b", {"a": {"b": "[redacted]", "c": 2}}),
        (
            {"a": [{"b": 1}, {"b": None}, {}]},
            "a[].b",
            {"a": [{"b": "[redacted]"}, {"b": None}, {}]},
        ),
        ([1, None], "[]", ["[redacted]", None]),
        ({"a": [[1]]}, "a[][]", {"a": [["[redacted]"]]}),
        ({"c": 1}, "a.b", {"c": 1}),
        ({"a": None}, "a.b", {"a": None}),
        # An unexpected form may contain the redacted value.
        ({"a": "b=1"}, "a.b", {"a": "[redacted]"}),
        ({"a": [{"b": 1}]}, "a.b", {"a": "[redacted]"}),
        ({"a": {"x": {"b": 1}}}, "a[].b", {"a": "[redacted]"}),
        ("b=1", "b", "[redacted]"),
    ],
)
def test_a_redacted_value_is_never_shown(answer: Any, redact: str, shown: Any) -> None:
    assert edited(answer, redact=(redact,)) == shown


def test_without_either_key_nothing_is_done() -> None:
    assert compile_edit((), ()) is None
