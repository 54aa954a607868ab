"""The messages about invalid arguments."""

from typing import Any

import jsonschema_rs
import pytest

from mcp_gateway.catalogue.validation import MOST_PROBLEMS, make_validator

SCHEMA = {
    "type": "object",
    "properties": {
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "status": {"enum": ["open", "done"]},
        "title": {"type": "string", "minLength": 1},
        "labels": {"type": "array", "items": {"$ref": "#/$defs/Label"}, "maxItems": 2},
        "due": {"anyOf": [{"type": "string", "pattern": "^\\d+$"}, {"type": "null"}]},
    },
    "required": ["title"],
    "additionalProperties": False,
    "$defs": {
        "Label": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}
validate = make_validator(SCHEMA)


@pytest.mark.parametrize(
    ("arguments", "argument", "message"),
    [
        ({}, "title", "is required"),
        ({"title": ""}, "title", "must be at least 1 characters long"),
        ({"title": 5}, "title", "must be a string"),
        ({"title": "x", "limit": "5"}, "limit", "must be an integer"),
        ({"title": "x", "limit": 101}, "limit", "must be at most 100"),
        ({"title": "x", "limit": None}, "limit", "must be an integer; leave it out instead of null"),
        ({"title": "x", "status": "opn"}, "status", 'must be one of "open", "done"'),
        ({"title": "x", "labels": [{"name": "a"}, {}]}, "labels[1].name", "is required"),
        ({"title": "x", "labels": [{"name": "a", "nam": 1}]}, "labels[0].nam", "unknown argument; did you mean 'name'?"),
        ({"title": "x", "labels": [{"name": "a"}] * 3}, "labels", "must hold at most 2 items"),
        ({"title": "x", "lim": 1}, "lim", "unknown argument; did you mean 'limit'?"),
        ({"title": "x", "tenant_id": "org_b"}, "tenant_id", "unknown argument; known here: due, labels, limit, status, title"),
        ({"title": "x", "due": "soon"}, "due", "fits none of the allowed forms: must match the pattern ^\\d+$ | must be null"),
    ],
)  # fmt: skip
def test_a_problem_names_the_argument_and_the_valid_values(
    arguments: dict[str, Any], argument: str, message: str
) -> None:
    (problem,) = validate(arguments)
    assert (problem.argument, problem.message) == (argument, message)


def test_a_schema_is_compiled_once_at_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway with thousands of tools starts without compiling their schemas."""
    compiled: list[Any] = []
    compile_schema = jsonschema_rs.Draft202012Validator

    def counted(schema: Any, **options: Any) -> Any:
        compiled.append(schema)
        return compile_schema(schema, **options)

    monkeypatch.setattr(jsonschema_rs, "Draft202012Validator", counted)
    check = make_validator(SCHEMA)
    assert compiled == []
    assert check({"title": "x"}) == check({"title": "y"}) == ()
    assert compiled == [SCHEMA]


def test_valid_arguments_have_no_problems() -> None:
    assert validate({"title": "x", "limit": 1, "due": None, "labels": [{"name": "a"}]}) == ()


def test_problems_are_bounded_in_number_and_length_and_repeat_no_value() -> None:
    secret = "s3cret" * 100
    problems = validate({f"{secret}{index}": secret for index in range(50)})
    assert len(problems) == MOST_PROBLEMS
    assert all(len(p.message) <= 300 and len(p.argument) <= 120 for p in problems)
    (problem,) = validate({"title": "x", "status": secret})
    assert secret not in problem.message


def test_arguments_that_json_cannot_hold_are_a_problem_and_no_crash() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    for value in (float("nan"), deep, object()):
        assert validate({"title": value})
