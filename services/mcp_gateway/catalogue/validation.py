"""Check a call's arguments, with messages that a model can act on."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jsonschema_rs
import orjson

from mcp_gateway.catalogue.tool import ArgumentProblem
from mcp_gateway.work.size import MOST_VALUES, count_values

MOST_PROBLEMS = 8
_LONGEST = 300
_DEEPEST = 4
_NO_PROBLEMS: tuple[ArgumentProblem, ...] = ()
_MOST_EXPLAINED = 250
"""Values up to which the library may list errors, since it lists all of them before the first."""
_LONGEST_EXPLAINED = 16 << 10
"""Bytes of the same, since each error holds a copy of the wrong value."""
_BEGIN = 1_000
"""Characters of a longer text that are checked in its place."""
_LONGEST_NAME = 64
_MOST_NAMES = 200
_NARROW = 8
"""Forms of a union up to which both limits hold in full; wider unions divide them."""
_FEWEST_VALUES = 1_000
_FEWEST_EXPLAINED = 20
_UNIONS = ("anyOf", "oneOf")
_WIDE = frozenset({*_UNIONS, "patternProperties"})
_DATA = frozenset({"const", "default", "enum", "examples"})


Validate = Callable[[Mapping[str, Any]], Sequence[ArgumentProblem]]


def make_validator(schema: Mapping[str, Any]) -> Validate:
    """Make the check of arguments against a published input schema.

    The first call compiles the schema, because most tools of a large catalogue are never called.
    Every published schema can be compiled.

    The check returns at most `MOST_PROBLEMS` problems, none if the arguments are valid. Messages
    name the rule and the allowed values, and never repeat a value that the caller gave. The check
    refuses more values than it can look at without holding the event loop.
    """
    compiled: Validate | None = None

    def validate(arguments: Mapping[str, Any]) -> Sequence[ArgumentProblem]:
        nonlocal compiled
        compiled = compiled or _compile(schema)
        return compiled(arguments)

    return validate


def _compile(schema: Mapping[str, Any]) -> Validate:
    validator = jsonschema_rs.Draft202012Validator(dict(schema), offline=True)
    # A value is compared with every form of a union, so wide unions take fewer values.
    breadth = _breadth(schema)
    most = max(MOST_VALUES * _NARROW // breadth, _FEWEST_VALUES)
    explainer = _Explainer(schema, max(_MOST_EXPLAINED * _NARROW // breadth, _FEWEST_EXPLAINED))

    def validate(arguments: Mapping[str, Any]) -> Sequence[ArgumentProblem]:
        if count_values(arguments, most) > most:
            return (_too_many(arguments, most),)
        try:
            if validator.is_valid(arguments):
                return _NO_PROBLEMS
            problems = tuple(_first(explainer.explain(arguments), MOST_PROBLEMS))
        except (ValueError, TypeError):
            # A value that JSON can't express: NaN, half a surrogate pair, unbounded nesting.
            return (ArgumentProblem("", "holds a value that JSON can't express"),)
        return problems or (
            ArgumentProblem("", "the arguments break a rule about several of them"),
        )

    return validate


def _too_many(arguments: Mapping[str, Any], most: int) -> ArgumentProblem:
    largest = max(arguments, key=lambda name: count_values(arguments[name], most))
    said = f"the call holds more than {most:,} values, most of them here; send fewer at a time"
    return _problem([largest], said)


def _breadth(schema: Any) -> int:
    """Return the number of forms in the widest union of a schema, or `_NARROW` if that is more."""
    widest, waiting = _NARROW, [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            for name in _WIDE & node.keys():
                if isinstance(node[name], list | dict):
                    widest = max(widest, len(node[name]))
            node = node.values()
        waiting.extend(item for item in node if isinstance(item, list | dict))
    return widest


class _Explainer:
    """Lists the problems of invalid arguments, with work in proportion to their size."""

    def __init__(self, schema: Mapping[str, Any], most: int) -> None:
        self._schema = schema
        self._most = most
        self._validator: jsonschema_rs.Draft202012Validator | None = None

    def explain(self, arguments: Mapping[str, Any]) -> Iterator[ArgumentProblem]:
        """Yield the problems; if the arguments are long, those of each argument by itself."""
        for name in self._schema.get("required", ()):
            if name not in arguments:
                yield _problem([name], "is required")
        if self._is_short(arguments):
            yield from self._list(arguments)
            return
        for name, value in arguments.items():
            if not self._compiled().is_valid({name: value}):
                yield from self._explain_long(name, value)

    def _explain_long(self, name: str, value: Any) -> Iterator[ArgumentProblem]:
        if self._is_short({name: value}):
            yield from self._list({name: value})
            return
        if isinstance(value, str):
            begin = {name: value[:_BEGIN]}
            if not self._compiled().is_valid(begin):
                yield from self._list(begin)
                return
        for place, item in enumerate(value if isinstance(value, list) else ()):
            alone = {name: [item]}
            if not self._compiled().is_valid(alone):
                start = f"{name}[0]"
                found = list(self._list(alone)) if self._is_short(alone) else []
                within = [problem for problem in found if problem.argument.startswith(start)]
                for problem in within:
                    where = f"{name}[{place}]{problem.argument.removeprefix(start)}"
                    yield ArgumentProblem(where, problem.message)
                if within:
                    return
                break
        yield _problem([name], "is not valid, and too long to say where")

    def _list(self, arguments: Mapping[str, Any]) -> Iterator[ArgumentProblem]:
        for error in self._compiled().iter_errors(arguments):
            yield from _explain(error, self._schema)

    def _is_short(self, arguments: Mapping[str, Any]) -> bool:
        return (
            count_values(arguments, self._most) <= self._most
            and len(orjson.dumps(arguments)) <= _LONGEST_EXPLAINED
        )

    def _compiled(self) -> jsonschema_rs.Draft202012Validator:
        """Compile the schema at the first problem, since most tools never have one."""
        if self._validator is None:
            plain = {**_flatten(self._schema, in_union=False), "required": []}
            definitions = self._schema.get("$defs", {})
            flat = {
                f"{name}~flat": _flatten(one, in_union=True) for name, one in definitions.items()
            }
            plain["$defs"] = {**plain.get("$defs", {}), **flat}
            self._validator = jsonschema_rs.Draft202012Validator(plain, offline=True)
        return self._validator


def _flatten(node: Any, *, in_union: bool) -> Any:
    """Copy a schema so that unions within a union are checked, but their errors are not listed.

    Listing them takes exponential time in a recursive schema. References within a union lead to
    copies of the definitions in which every union is negated twice.
    """
    if isinstance(node, list):
        return [_flatten(item, in_union=in_union) for item in node]
    if not isinstance(node, Mapping):
        return node
    copy: dict[str, Any] = {}
    negated: list[Any] = []
    for name, item in node.items():
        if name in _DATA:
            copy[name] = item
        elif name == "$ref" and isinstance(item, str):
            copy[name] = f"{item}~0flat" if in_union else item  # `~0` is an escaped `~`
        elif name in _UNIONS and isinstance(item, list) and in_union:
            negated.append({"not": {"not": {name: item}}})
        else:
            copy[name] = _flatten(item, in_union=in_union or name in _UNIONS)
    if negated:
        copy["allOf"] = [*copy.get("allOf", ()), *negated]
    return copy


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
                names = known[:_MOST_NAMES] if len(name) <= _LONGEST_NAME else ()
                near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
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
        case kind.Not() | kind.FalseSchema() as forbidden:
            message = _explain_forbidden(forbidden)
        case other_kind:
            message = _explain_bound(other_kind)
    yield _problem(path, message)


def _explain_forbidden(kind: jsonschema_rs.ValidationErrorKind) -> str:
    negated = getattr(kind, "schema", None)
    if isinstance(negated, Mapping) and list(negated) == [
        "not"
    ]:  # a union, as `_flatten` writes it
        return "fits none of the allowed forms"
    return "is not allowed"


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
    return list(_names(schema, node, 0))


def _names(schema: Mapping[str, Any], node: Any, depth: int) -> dict[str, None]:
    """Return the property names of a schema, in its parts and forms too."""
    if not isinstance(node, Mapping) or depth > _DEEPEST:
        return {}
    if "$ref" in node:
        return _names(
            schema, schema.get("$defs", {}).get(node["$ref"].rpartition("/")[2]), depth + 1
        )
    names = dict.fromkeys(node.get("properties", ()))
    for keyword in ("allOf", "anyOf", "oneOf"):
        for part in node.get(keyword, ()):
            names |= _names(schema, part, depth + 1)
    return names


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
