"""Classifying a change of arguments from the two schemas."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcp_gateway.review.schema_diff import compare_schemas

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}


def an_object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": list(required)} if required else schema


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


TREE = {"type": "object", "properties": {"kids": {"type": "array", "items": ref("T")}, "n": WHOLE}}
TALLER = {**TREE, "properties": {**TREE["properties"], "n": TEXT}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        (an_object(a=TEXT), an_object(a=TEXT), []),
        (an_object(a=TEXT), an_object(), [("breaking", "a was removed")]),
        (an_object(a=TEXT), an_object(a=TEXT, b=TEXT), [("additive", "b is new")]),
        (an_object(), an_object(("b",), b=TEXT), [("breaking", "b is new and required")]),
        (an_object(a=TEXT), an_object(("a",), a=TEXT), [("breaking", "a is required now")]),
        (an_object(("a",), a=TEXT), an_object(a=TEXT), [("additive", "a is optional now")]),
        (
            an_object(a=TEXT),
            an_object(a=WHOLE),
            [("breaking", "a can no longer be string"), ("additive", "a can be integer too")],
        ),
        (
            an_object(a=WHOLE),
            an_object(a={"type": "number"}),
            [("additive", "a can be number too")],
        ),
        (
            an_object(a={"enum": ["x", "y"]}),
            an_object(a={"enum": ["y", "z"]}),
            [("breaking", 'a can no longer be "x"'), ("additive", 'a can be "z" too')],
        ),
        (
            an_object(a={**WHOLE, "maximum": 9}),
            an_object(a={**WHOLE, "maximum": 5}),
            [("breaking", "a has another maximum: 5")],
        ),
        (
            an_object(a={**TEXT, "minLength": 2}),
            an_object(a=TEXT),
            [("additive", "a has another minLength: no limit")],
        ),
        (
            an_object(a=TEXT),
            an_object(a={**TEXT, "pattern": "^x"}),
            [("breaking", "a has another rule pattern")],
        ),
        (
            an_object(a=TEXT),
            an_object(a={**TEXT, "description": "New."}),
            [("wording", "a is described differently")],
        ),
        (
            an_object(a={**TEXT, "default": "x"}),
            an_object(a=TEXT),
            [("additive", "a has another default")],
        ),
        (
            an_object(a={"type": "array", "items": TEXT}),
            an_object(a={"type": "array", "items": {"enum": ["x"]}}),
            [
                (
                    "additive",
                    "a[] can be array or boolean or integer or null or number or object too",
                ),
                ("breaking", "a[] is limited to some values now"),
            ],
        ),
        (
            an_object(a={"type": "object"}),
            an_object(a={"type": "object", "additionalProperties": False}),
            [("breaking", "a.* doesn't accept any value now")],
        ),
        (
            {**an_object(a=ref("T")), "$defs": {"T": TREE}},
            {**an_object(a=ref("T")), "$defs": {"T": TALLER}},
            [
                ("breaking", "a.n can no longer be integer"),
                ("additive", "a.n can be string too"),
            ],
        ),
        (
            {**an_object(a=ref("T")), "$defs": {"T": TREE}},
            {**an_object(a=ref("S")), "$defs": {"S": TREE, "T": TREE}},
            [],
        ),
        (
            an_object(a={"anyOf": [TEXT]}),
            an_object(a={"anyOf": [TEXT, WHOLE]}),
            [("additive", "a accepts another form")],
        ),
    ],
)
def test_each_kind_of_change_is_named(old: Any, new: Any, changes: list[Any]) -> None:
    found = compare_schemas(old, new)
    assert sorted(found) == sorted(changes)


def test_schemas_that_refer_to_themselves_are_compared_to_an_end() -> None:
    schema = {**an_object(a=ref("T")), "$defs": {"T": TREE}}
    assert compare_schemas(schema, schema) == []


LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", ["string", "null"]]),
        "enum": st.lists(st.sampled_from(["a", "b", 1, None]), min_size=1, unique=True),
        "minimum": st.integers(0, 3),
        "exclusiveMaximum": st.integers(2, 5),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 3),
        "multipleOf": st.sampled_from([1, 2]),
        "description": st.sampled_from(["x", "y"]),
        "default": st.sampled_from(["x", 1]),
    },
)
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(LEAVES, st.booleans()),
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {"properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2)},
            optional={
                "type": st.just("object"),
                "required": st.lists(st.sampled_from("ab"), unique=True),
                "additionalProperties": inner,
                "maxProperties": st.integers(0, 2),
            },
        ),
        st.fixed_dictionaries(
            {"items": inner},
            optional={"maxItems": st.integers(0, 2), "uniqueItems": st.booleans()},
        ),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=5,
)
INSTANCES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, "", "a", "b", "abc", 0, 1, 2, 4, 1.5]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=150)
@given(old=SCHEMAS, new=SCHEMAS, instance=INSTANCES)
def test_valid_calls_stay_valid_without_a_breaking_change(
    old: Any, new: Any, instance: Any
) -> None:
    changes = compare_schemas(an_object(a=old), an_object(a=new))
    assume(not any(kind == "breaking" for kind, _ in changes))
    if jsonschema_rs.is_valid(old, instance):
        assert jsonschema_rs.is_valid(new, instance), changes


@given(schema=SCHEMAS)
def test_a_schema_does_not_differ_from_itself(schema: Any) -> None:
    assert compare_schemas(an_object(a=schema), an_object(a=schema)) == []
