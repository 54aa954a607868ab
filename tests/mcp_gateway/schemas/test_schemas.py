"""Schemas of both dialects as a model reads them: JSON Schema 2020-12."""

from typing import Any

import pytest
from pytest import MonkeyPatch

from mcp_gateway.documents.references import References
from mcp_gateway.schemas import budget
from mcp_gateway.schemas.convert import Schemas
from mcp_gateway.schemas.impossible import find_impossible
from mcp_gateway.schemas.keywords import UnusableSchema


def published(schema: Any, *, openapi_30: bool = False, **components: Any) -> dict[str, Any]:
    """Publish one schema as the property `p`; return that property and any `$defs`."""
    root = {"components": {"schemas": components}}
    schemas = Schemas(References(root), openapi_30=openapi_30)
    whole = schemas.publish({"type": "object", "properties": {"p": schemas.convert(schema)}})
    return {**whole["properties"]["p"], **({"$defs": whole["$defs"]} if "$defs" in whole else {})}


def ref(name: str, **beside: Any) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", **beside}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": "string", "nullable": True, "enum": ["a"]},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (
            {"nullable": True, "description": "D", "allOf": [{"type": "string"}]},
            {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "D"},
        ),
        ({"type": "integer", "nullable": False}, {"type": "integer"}),
        (
            {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
            {"type": "integer", "exclusiveMinimum": 1},
        ),
        (
            {"type": "integer", "maximum": 9, "exclusiveMaximum": False},
            {"type": "integer", "maximum": 9},
        ),
        ({"type": "string", "example": "x"}, {"type": "string", "examples": ["x"]}),
        ({"type": "string", "format": "byte"}, {"type": "string", "contentEncoding": "base64"}),
        ({"type": "array", "items": [{"type": "string"}]}, {"type": "array", "prefixItems": [{"type": "string"}]}),
        (
            {"type": "string", "xml": {}, "discriminator": {}, "externalDocs": {}, "x-y": 1},
            {"type": "string"},
        ),
        (
            {"type": "string", "required": True, "enum": [], "minLength": "1", "pattern": "("},
            {"type": "string"},
        ),
    ],
)  # fmt: skip
def test_the_keywords_of_3_0_become_those_of_2020_12(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert published(old, openapi_30=True) == new


def test_members_beside_a_reference_count_in_3_1_and_only_describe_in_3_0() -> None:
    beside = ref("Name", description="Better words", maxLength=5)
    name = {"type": "string", "description": "Words"}
    assert published(beside, openapi_30=True, Name=name) == {
        "type": "string",
        "description": "Better words",
    }
    new = published(beside, Name=name)
    assert (new["maxLength"], new["$ref"]) == (5, "#/$defs/Name")


def test_a_recursive_component_becomes_a_definition_and_a_plain_one_takes_its_place() -> None:
    node = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": ref("Node")}, "kind": ref("Kind")},
    }
    schema = published(ref("Node"), Node=node, Kind={"enum": ["a", "b"]})
    assert schema["$ref"] == "#/$defs/Node"
    assert schema["$defs"]["Node"]["properties"] == {
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
        "kind": {"enum": ["a", "b"]},
    }


def test_components_that_refer_to_each_other_end() -> None:
    a = {"type": "object", "properties": {"b": ref("B")}}
    b = {"type": "object", "properties": {"a": ref("A"), "also": ref("A")}}
    schema = published(ref("A"), A=a, B=b)
    assert set(schema["$defs"]) == {"A"}


def test_two_components_with_one_name_stay_apart() -> None:
    root = {"a": {"Item": {"type": "object", "properties": {"x": {"$ref": "#/a/Item"}}}}}
    root["b"] = {"Item": {"type": "object", "properties": {"y": {"$ref": "#/b/Item"}}}}
    schemas = Schemas(References(root), openapi_30=False)
    both = {"anyOf": [{"$ref": "#/a/Item"}, {"$ref": "#/b/Item"}]}
    whole = schemas.publish({"type": "object", "properties": {"p": schemas.convert(both)}})
    assert {name: list(d["properties"]) for name, d in whole["$defs"].items()} == {
        "Item": ["x"],
        "Item_2": ["y"],
    }


def test_all_of_is_folded_into_one_object() -> None:
    base = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    schema = published(
        {"allOf": [ref("Base"), {"properties": {"n": {"type": "integer"}}, "required": ["n"]}]},
        Base=base,
    )
    assert schema == {
        "type": "object",
        "required": ["id", "n"],
        "properties": {"id": {"type": "string"}, "n": {"type": "integer"}},
    }


def test_all_of_that_cannot_be_folded_exactly_is_kept() -> None:
    assert published({"allOf": [{"minimum": 1}, {"minimum": 2}]}) == {
        "allOf": [{"minimum": 1}, {"minimum": 2}]
    }


def test_read_only_members_are_neither_offered_nor_required() -> None:
    schema = published(
        {
            "allOf": [
                {"type": "object", "required": ["id", "name", "owner"]},
                {
                    "properties": {
                        "id": {"type": "string", "readOnly": True},
                        "owner": ref("Owner"),
                        "name": {"type": "string"},
                    }
                },
            ]
        },
        Owner={"type": "string", "readOnly": True},
    )
    assert schema == {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}},
    }


def test_unions_are_kept() -> None:
    union = {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"a": {}}}]}
    assert published(union) == union


def test_a_title_that_repeats_the_name_is_dropped_and_hidden_characters_are_too() -> None:
    root = {"type": "object", "properties": {"due_date": {"title": "Due Date", "type": "string"}}}
    assert published(root)["properties"] == {"due_date": {"type": "string"}}
    assert published({"description": " a\u200b\u202eb\x07\n"}) == {"description": "ab"}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("text", "neither an object nor a boolean"),
        ({"$recursiveRef": "#other"}, "recursiveRef"),
        ({"type": "anything"}, "malformed at properties/p/type"),
        ({"patternProperties": {"(x": {}}}, "the pattern '\\(x' of its properties is malformed"),
    ],
)
def test_a_value_that_is_not_a_schema_is_refused(schema: Any, message: str) -> None:
    with pytest.raises(UnusableSchema, match=message):
        published(schema)


def test_a_schema_that_unfolds_without_bound_is_cut_and_says_so() -> None:
    components: dict[str, Any] = {
        f"L{level}": {
            "type": "object",
            "properties": {
                side: {"allOf": [ref(f"L{level + 1}"), {"minProperties": 1}]} for side in "ab"
            },
        }
        for level in range(30)
    }
    schema = published(ref("L0"), L30={"type": "object"}, **components)
    assert "Shortened here" in str(schema)
    assert len(str(schema)) < 40_000


def test_a_huge_schema_is_not_copied_whole_for_each_length_and_depth_tried(
    monkeypatch: MonkeyPatch,
) -> None:
    def nested(level: int) -> dict[str, Any]:
        said = {"description": "A sentence that explains the value in full. " * 5}
        if level == 0:
            return {"type": "string", **said}
        return {"type": "object", **said, "properties": {n: nested(level - 1) for n in "abcd"}}

    handled, map_ = 0, budget.map_inside

    def counted(*arguments: Any) -> Any:
        nonlocal handled
        handled += 1
        return map_(*arguments)

    monkeypatch.setattr(budget, "map_inside", counted)
    whole = nested(6)
    keywords = sum(len(node) for node in budget.walk(whole))

    fitted = budget.fit(whole)

    assert budget.HARD / 8 < budget.size(fitted) <= budget.HARD
    assert handled < 4 * keywords


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


CLOSED: dict[str, Any] = {"additionalProperties": False}


@pytest.mark.parametrize("closed", [CLOSED, {"unevaluatedProperties": False}])
def test_closed_parts_accept_the_properties_of_all_parts_and_no_others(
    closed: dict[str, Any],
) -> None:
    base = {**obj(id={"type": "string"}), "required": ["id"], **closed}
    middle = {"allOf": [ref("Base"), {**obj(n={}), **closed}]}
    assert published({"allOf": [ref("Middle"), obj(m={})]}, Base=base, Middle=middle) == {
        **obj(id={"type": "string"}, n={}, m={}),
        "required": ["id"],
        **CLOSED,
    }
    assert published({"allOf": [ref("Middle")], **obj(m={}), **closed}, Base=base, Middle=middle)[
        "properties"
    ] == {"id": {"type": "string"}, "n": {}, "m": {}}


def test_closed_parts_that_cannot_be_folded_are_closed_as_a_whole() -> None:
    one, two = {**obj(a={}), "minProperties": 1}, {**obj(b={}), "minProperties": 2}
    assert published({"allOf": [{**one, **CLOSED}, {**two, **CLOSED}]}) == {
        "allOf": [one, two],
        "unevaluatedProperties": False,
    }


def test_forms_add_to_a_closed_schema_and_siblings_stay_apart() -> None:
    forms = [{**obj(b={}), **CLOSED}, {**obj(c={}), **CLOSED}]
    assert published({**obj(a={}), **CLOSED, "anyOf": forms}) == {
        **obj(a={}),
        "anyOf": [obj(b={}), obj(c={})],
        "unevaluatedProperties": False,
    }
    apart = {"anyOf": forms}
    assert published(apart) == apart
    rule = {**obj(a={}, b={}), **CLOSED, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    assert published(rule) == rule


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({**obj(a={}), "required": ["a"], **CLOSED}, None),
        ({**obj(a={}), "required": ["a", "b"], **CLOSED}, "b"),
        ({**obj(a={"not": {}}), "required": ["a"]}, "a"),
        ({**obj(a={"not": {}})}, None),
        ({**obj(a={"$ref": "#/$defs/A"}), "required": ["a"], "$defs": {"A": {"not": {}}}}, "a"),
        ({**obj(a={"minimum": 2, "maximum": 1}), "required": ["a"]}, "a"),
        ({**obj(a={"maximum": -1}), "required": ["a"]}, None),
        ({**obj(a={"anyOf": [{"not": {}}, {}]}), "required": ["a"]}, None),
        ({**obj(a={"allOf": [{}, {"not": {}}]}), "required": ["a"]}, "a"),
        ({**obj(a={**obj(), "required": ["c"], **CLOSED}), "required": ["a"]}, "a.c"),
    ],
)
def test_a_required_value_that_cannot_be_valid_is_found(
    schema: dict[str, Any], place: str | None
) -> None:
    assert find_impossible(schema) == place


def test_forms_that_lead_from_schema_to_schema_are_converted_one_by_one() -> None:
    chain: dict[str, Any] = {
        f"S{n}": {**obj(a={}, next={"oneOf": [ref(f"S{n + 1}"), {"type": "null"}]})}
        for n in range(400)
    }
    for n in range(0, 400, 2):
        chain[f"S{n}"] |= {"anyOf": [ref(f"S{n + 1}"), {"required": ["a"]}]}
    assert published(ref("S0"), **chain, S400=obj(end={}))["type"] == "object"


def test_a_web_of_components_is_searched_for_passwords_once(monkeypatch: MonkeyPatch) -> None:
    """Each operation asks again about every argument, and large documents refer in circles."""
    names = [f"C{n}" for n in range(30)]
    components = {
        name: {"type": "object", "properties": {f"to_{other}": ref(other) for other in names}}
        for name in names
    }
    root = {"components": {"schemas": components}}
    schemas = Schemas(References(root), openapi_30=False)
    arguments = [schemas.convert(ref(name)) for name in names]
    looked_up, component = 0, Schemas.component

    def counted(self: Schemas, name: str) -> dict[str, Any]:
        nonlocal looked_up
        looked_up += 1
        return component(self, name)

    monkeypatch.setattr(Schemas, "component", counted)

    assert not any(schemas.asks_for_password("body", argument) for argument in arguments)
    assert looked_up < 4 * len(names)


def test_a_password_is_found_behind_components_that_were_searched_before() -> None:
    root = {
        "components": {
            "schemas": {
                "Plain": {"type": "object", "properties": {"next": ref("Plain")}},
                "Login": {"type": "object", "properties": {"plain": ref("Plain"), "s": ref("S")}},
                "S": {"type": "string", "format": "password"},
            }
        }
    }
    schemas = Schemas(References(root), openapi_30=False)
    asked = {
        name: schemas.asks_for_password("body", schemas.convert(ref(name)))
        for name in ("Plain", "Login", "Plain", "S", "Login")
    }
    assert asked == {"Plain": False, "Login": True, "S": True}
