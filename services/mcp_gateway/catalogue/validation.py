"""Check a call's arguments, with messages that a model can act on."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jsonschema_rs
import orjson

from mcp_gateway.catalogue.tool import ArgumentProblem

MOST_PROBLEMS = 8
_LONGEST = 300
_NO_PROBLEMS: tuple[ArgumentProblem, ...] = ()


def compile_validator(
    schema: Mapping[str, Any],
) -> Callable[[Mapping[str, Any]], Sequence[ArgumentProblem]]:
    """Compile a published input schema into a check of arguments.

    The check returns at most `MOST_PROBLEMS` problems, none if the arguments are valid. Messages
    name the rule and the allowed values, and never repeat a value that the caller gave.

    Raises:
        ValueError: the schema can't be compiled.
    """
    validator = jsonschema_rs.Draft202012Validator(dict(schema), offline=True)

    def validate(arguments: Mapping[str, Any]) -> Sequence[ArgumentProblem]:
        try:
            if validator.is_valid(arguments):
                return _NO_PROBLEMS
            errors = list(_first(validator.iter_errors(arguments), MOST_PROBLEMS))
        except ValueError:
            # A value that JSON can't express: NaN, half a surrogate pair, unbounded nesting.
            return (ArgumentProblem("", "holds a value that JSON can't express"),)
        problems = (problem for error in errors for problem in _explain(error, schema))
        return tuple(_first(problems, MOST_PROBLEMS))

    return validate


def _explain(
    error: jsonschema_rs.ValidationError, schema: Mapping[str, Any]
) -> Iterator[ArgumentProblem]:
    """Explain an error by naming what would be valid."""
    path = list(error.instance_path)
    kind = jsonschema_rs.ValidationErrorKind
    match error.kind:
        case kind.AdditionalProperties() | kind.UnevaluatedProperties() as unexpected:
            known = _known(schema, list(error.schema_path)[:-1])
            for name in unexpected.unexpected:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
                if near:
                    hint = f"did you mean {near[0]!r}?"
                elif known:
                    hint = f"known here: {', '.join(sorted(known))}"
                else:
                    hint = "nothing can be given here"
                yield _problem([*path, str(name)], f"unknown argument; {hint}")
            return
        case kind.Required() as missing:
            yield _problem([*path, missing.property], "is required")
            return
        case kind.Type() as wrong:
            message = f"must be {' or '.join(_article(name) for name in wrong.types)}"
            if error.instance is None:
                message += "; leave it out instead of null"
        case kind.Enum() as wrong_value:
            message = f"must be one of {_json(wrong_value.options)}"
        case kind.Constant() as other:
            message = f"must be {_json(other.expected_value)}"
        case kind.Pattern() as pattern:
            message = f"must match the pattern {pattern.pattern}"
        case kind.AnyOf() | kind.OneOfNotValid() as none_fits:
            message = _explain_union(none_fits.context, len(path))
        case kind.OneOfMultipleValid():
            message = "fits several of the allowed forms, where it must fit exactly one"
        case kind.UniqueItems():
            message = "must not hold the same item twice"
        case kind.Not() | kind.FalseSchema():
            message = "is not allowed"
        case other_kind:
            message = _explain_bound(other_kind)
    yield _problem(path, message)


def _explain_bound(kind: jsonschema_rs.ValidationErrorKind) -> str:
    """Explain a limit: the keyword's name tells which limit, its value how much."""
    words = {
        "minimum": "must be at least {}",
        "maximum": "must be at most {}",
        "exclusiveMinimum": "must be more than {}",
        "exclusiveMaximum": "must be less than {}",
        "multipleOf": "must be a multiple of {}",
        "minLength": "must be at least {} characters long",
        "maxLength": "must be at most {} characters long",
        "minItems": "must hold at least {} items",
        "maxItems": "must hold at most {} items",
        "minProperties": "must have at least {} properties",
        "maxProperties": "must have at most {} properties",
        "contentEncoding": "must be {} text",
    }
    return words.get(kind.name, f"breaks the rule {kind.name}").format(_json(kind.value))


def _explain_union(context: list[list[jsonschema_rs.ValidationError]], depth: int) -> str:
    """Describe each allowed form by its first error, with paths relative to the value."""
    branches = [
        f"{_path(list(error.instance_path)[depth:])} {problem.message}".strip()
        for errors in context
        for error in errors[:1]
        for problem in _first(_explain(error, {}), 1)
    ]
    return f"fits none of the allowed forms: {' | '.join(dict.fromkeys(branches))}"


def _known(schema: Mapping[str, Any], path: list[str | int]) -> list[str]:
    """Return the property names of the schema at a path; empty if the path can't be followed."""
    node: Any = schema
    for part in path:
        try:
            node = node[part]
            while "$ref" in node:
                node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        except (KeyError, IndexError, TypeError):
            return []
    names = node.get("properties", {}) if isinstance(node, Mapping) else {}
    return list(names)


def _problem(path: list[str | int], message: str) -> ArgumentProblem:
    if len(message) > _LONGEST:
        message = message[: _LONGEST - 1] + "…"
    return ArgumentProblem(argument=_path(path), message=message)


def _path(path: list[str | int]) -> str:
    """Write a path as `due.date` or `labels[2]`, shortened to 120 characters."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text if len(text) <= 120 else text[:119] + "…"


def _article(name: str) -> str:
    return {"null": "null"}.get(name, f"an {name}" if name[0] in "aio" else f"a {name}")


def _json(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_json(item) for item in value)
    return orjson.dumps(value, default=str).decode()


def _first(items: Iterator[Any], count: int) -> Iterator[Any]:
    for _, item in zip(range(count), items, strict=False):
        yield item
