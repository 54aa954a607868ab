"""Make a composite tool from the tools that it calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatepost.scopes import covers
from mcp_gateway.catalogue.billing import Billing
from mcp_gateway.catalogue.composite import (
    INPUT,
    ITEM,
    MOST_ITEMS,
    Composite,
    Condition,
    DeclaredCall,
    Literal,
    ValuePath,
)
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.catalogue.validation import make_validator
from mcp_gateway.manifest.composing.entry import CompositeEntry
from mcp_gateway.requests.operation import Operation
from mcp_gateway.results.fields import EACH, overlap
from mcp_gateway.schemas.declared import schema_problem

Schema = Mapping[str, Any]


class UnusableCalls(ValueError):
    """The calls can't be served; the message begins with the key."""


@dataclass(frozen=True, slots=True)
class ComposedParts:
    """What follows from the calls of a tool."""

    composite: Composite
    input_schema: dict[str, Any]
    operation: Operation
    billing: Billing

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The called tools, in order."""
        return tuple(call.tool for call in self.composite.calls)


def compose_calls(
    entry: CompositeEntry, tools: Mapping[str, Tool], billing: Billing
) -> ComposedParts:
    """Combine the entry with the tools that it calls.

    Args:
        entry: the calls.
        tools: every tool of the manifest that is not composite itself, also those that are not exposed.
        billing: that of the entry, if it has one.

    Raises:
        UnusableCalls: a tool, an argument or a path does not exist, or the calls can't be one call.
    """
    known = [INPUT]
    calls: list[DeclaredCall] = []
    for place, value in enumerate(entry.calls):
        call = _read_call(f".calls[{place}]", value, tools, known)
        _require_shown(f".calls[{place}]", call, calls)
        calls.append(call)
        known.append(value["as"])
    result = {
        name: _read_path(f".result.{name}", path, known) for name, path in entry.result.items()
    } or {call.name: ValuePath(call.name, ()) for call in calls}
    names = [call.tool.name for call in calls]
    schema = _input_schema(entry, calls)
    for name, path in result.items():
        if path.source == INPUT and path.parts[0] not in schema["properties"]:
            usable = ", ".join(schema["properties"]) or "none"
            raise UnusableCalls(f".result.{name}: no argument {path.parts[0]!r}; it has {usable}")
    composite = Composite(tuple(calls), result, sums=not entry.bills)
    _require_room(composite)
    return ComposedParts(
        composite,
        schema,
        Operation("CALLS", ", ".join(names)),
        billing if entry.bills else _sum_billing(calls),
    )


def highest_scope(scopes: Sequence[str]) -> str | None:
    """Return the scope that includes the others, or None."""
    return next((one for one in scopes if all(covers({one}, other) for other in scopes)), None)


def _read_call(
    where: str, value: Mapping[str, Any], tools: Mapping[str, Tool], known: Sequence[str]
) -> DeclaredCall:
    tool = tools.get(value["tool"])
    if tool is None:
        raise UnusableCalls(f"{where}.tool: {value['tool']} can't be served; see its own problem")
    if tool.inputs:
        raise UnusableCalls(
            f"{where}.tool: {tool.name} asks for arguments; name one without `inputs`"
        )
    for_each = None
    within = list(known)
    if "for_each" in value:
        for_each = _read_path(f"{where}.for_each", value["for_each"], known)
        within.append(ITEM)
    when = None
    if "when" in value:
        path = _read_path(f"{where}.when.from", value["when"]["from"], known)
        equals = value["when"].get("equals", ...)
        when = Condition(path, None if equals is ... else Literal(equals))
    arguments: dict[str, ValuePath | Literal] = {}
    properties = tool.input_schema["properties"]
    for name, source in value.get("arguments", {}).items():
        at = f"{where}.arguments.{name}"
        if name not in properties or name == tool.purpose:
            usable = ", ".join(sorted(set(properties) - {tool.purpose})) or "none"
            raise UnusableCalls(f"{at}: {tool.name} does not have this argument; it has {usable}")
        if isinstance(source, dict) and source.keys() == {"from"}:
            arguments[name] = _read_path(f"{at}.from", source["from"], within)
        else:
            arguments[name] = _read_literal(at, tool, name, source)
    for name in tool.input_schema.get("required", ()):
        if name not in arguments:
            raise UnusableCalls(f"{where}.arguments.{name}: missing; {tool.name} requires it")
    most = value.get("most", MOST_ITEMS) if for_each is not None else 1
    return DeclaredCall(value["as"], tool, arguments, for_each, most, when)


def _read_path(where: str, text: object, known: Sequence[str]) -> ValuePath:
    path = ValuePath.parse(text) if isinstance(text, str) else None
    if path is not None and any(part.endswith("[]") for part in path.parts):
        raise UnusableCalls(f"{where}: [] is not known here; name a position, such as items.0.id")
    if path is None or not path.source or not all(path.parts):
        raise UnusableCalls(f"{where}: must be a path such as input.id or tasks.items.0.id")
    if path.source not in known:
        usable = ", ".join(known)
        raise UnusableCalls(f"{where}: {path.source} is not known here; paths begin with {usable}")
    if path.source == INPUT and not path.parts:
        raise UnusableCalls(f"{where}: name an argument, such as input.id")
    return path


def _require_shown(where: str, call: DeclaredCall, before: Sequence[DeclaredCall]) -> None:
    """Refuse an argument from a part of an answer that the called tool's `shape` redacts or leaves out.

    The next API would store the placeholder in place of its own value.
    """
    shapes = {one.name: one.tool.shape for one in before}
    for name, source in call.arguments.items():
        if not isinstance(source, ValuePath):
            continue
        origin, parts = source.source, source.parts
        if origin == ITEM and call.for_each is not None:
            origin, parts = call.for_each.source, (*call.for_each.parts, EACH, *parts)
        if (shape := shapes.get(origin)) is None:
            continue
        if any(overlap(parts, field) for field in shape.redact):
            raise UnusableCalls(f"{where}.arguments.{name}.from: {source} is redacted by `shape`")
        if shape.fields and not any(overlap(parts, field) for field in shape.fields):
            raise UnusableCalls(f"{where}.arguments.{name}.from: {source} is not in `shape.fields`")


def _read_literal(where: str, tool: Tool, name: str, value: Any) -> Literal:
    schema = {
        "type": "object",
        "properties": {name: tool.input_schema["properties"][name]},
        "$defs": tool.input_schema.get("$defs", {}),
    }
    if problems := make_validator(schema)({name: value}):
        raise UnusableCalls(f"{where}: {problems[0].message}")
    return Literal(value)


class _Input:
    """The arguments of a composite tool, collected from the entry and from its calls."""

    def __init__(self, declared: Mapping[str, Schema]) -> None:
        self.declared = declared
        self.properties: dict[str, Any] = {name: dict(schema) for name, schema in declared.items()}
        self.definitions: dict[str, Any] = {}
        self.required: dict[str, None] = {}
        self.used: set[str] = set()

    def fill(self, where: str, call: DeclaredCall, argument: str, path: ValuePath) -> None:
        """Take an argument that fills one of a called tool, with its schema if the entry has none."""
        name = path.parts[0]
        self.used.add(name)
        if call.when is None and argument in call.tool.input_schema.get("required", ()):
            self.required[name] = None
        if name in self.declared:
            return
        if len(path.parts) > 1:
            raise UnusableCalls(f"{where}: leads into {name}, so describe {name} in `input`")
        schema = _lift(call.tool, argument, self.definitions)
        if self.properties.setdefault(name, schema) != schema:
            raise UnusableCalls(
                f"{where}: another call has an argument {name} with another schema; describe "
                f"{name} in `input`, or give one of them another name"
            )

    def depend(self, path: ValuePath, *, required: bool) -> None:
        """Take an argument on which it depends whether or how often a call is made."""
        name = path.parts[0]
        self.used.add(name)
        if name not in self.properties:
            raise UnusableCalls(f".input.{name}: missing; a call depends on it")
        if required:
            self.required[name] = None

    def write(self) -> dict[str, Any]:
        """Return the input schema."""
        if unused := [name for name in self.declared if name not in self.used]:
            raise UnusableCalls(f".input.{unused[0]}: no call uses it; remove it")
        schema: dict[str, Any] = {
            "type": "object",
            "properties": self.properties,
            "additionalProperties": False,
        }
        if self.required:
            schema["required"] = list(self.required)
        return {**schema, "$defs": self.definitions} if self.definitions else schema


def _input_schema(entry: CompositeEntry, calls: Sequence[DeclaredCall]) -> dict[str, Any]:
    """Take each argument's schema from the entry, or from the argument of a called tool that it fills."""
    for name, schema in entry.input.items():
        if (problem := schema_problem(schema)) is not None:
            raise UnusableCalls(f".input.{name}: {problem}")
    found = _Input(entry.input)
    for place, call in enumerate(calls):
        for argument, source in call.arguments.items():
            if isinstance(source, ValuePath) and source.source == INPUT:
                found.fill(f".calls[{place}].arguments.{argument}.from", call, argument, source)
    for call in calls:
        if call.for_each is not None and call.for_each.source == INPUT:
            found.depend(call.for_each, required=call.when is None)
        if call.when is not None and call.when.path.source == INPUT:
            found.depend(call.when.path, required=False)
    return found.write()


def _lift(tool: Tool, argument: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Copy the schema of an argument, with the definitions that it needs under the tool's name."""
    defs: Mapping[str, Any] = tool.input_schema.get("$defs", {})

    def copy(node: Any) -> Any:
        if isinstance(node, list):
            return [copy(item) for item in node]
        if not isinstance(node, Mapping):
            return node
        copied = {name: copy(item) for name, item in node.items()}
        reference = copied.get("$ref")
        if isinstance(reference, str) and (found := reference.rpartition("/")[2]) in defs:
            name = f"{tool.name}.{found}"
            copied["$ref"] = f"#/$defs/{name}"
            if name not in definitions:
                definitions[name] = {}
                definitions[name] = copy(defs[found])
        return copied

    lifted: dict[str, Any] = copy(tool.input_schema["properties"][argument])
    lifted.pop("x-mcp-header", None)
    return lifted


def _require_room(composite: Composite) -> None:
    """Refuse calls that a full bucket of a called tool never has room for."""
    times = composite.times
    for place, call in enumerate(composite.calls):
        most = call.tool.limits.per_minute
        if most is not None and most < times[call.tool.name]:
            raise UnusableCalls(
                f".calls[{place}].tool: {call.tool.name} may be called {times[call.tool.name]} times at once, "
                f"and its `limits.per_minute` is {most}; raise it, or set a lower `most`"
            )


def _sum_billing(calls: Sequence[DeclaredCall]) -> Billing:
    kinds = {(call.tool.billing.meter, call.tool.billing.when) for call in calls}
    if len(kinds) != 1 or any(call.for_each is not None for call in calls):
        raise UnusableCalls(
            ".billing: missing; its calls have several meters or depend on a list, so say what a call costs"
        )
    ((meter, when),) = kinds
    return Billing(meter, sum(call.tool.billing.units for call in calls), when)
