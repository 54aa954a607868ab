"""A tool as the gateway serves it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mcp_gateway.catalogue.graphql import GraphqlQuery
from mcp_gateway.catalogue.inputs import Inputs
from mcp_gateway.requests.operation import Operation
from mcp_gateway.results.check import Check, compile_check
from mcp_gateway.results.content import CompiledShape
from mcp_gateway.results.fields import FieldPath
from mcp_gateway.results.instructions import InstructionGuard


@dataclass(frozen=True, slots=True)
class ArgumentProblem:
    """One argument that breaks the tool's schema, in words a model can act on."""

    argument: str
    """Path of the argument, as `due.date` or `labels[2]`; empty for the arguments as a whole."""
    message: str


@dataclass(frozen=True, slots=True)
class ResponseCheck:
    """What must stand in every answer: a field that equals a claim of the caller, or one of its
    values."""

    field: FieldPath
    claim: str
    holds: Check = dataclasses.field(init=False, compare=False, repr=False)
    """Tells of a parsed answer whether it does, given the claim's values."""

    def __post_init__(self) -> None:
        """Compile the check, once."""
        object.__setattr__(self, "holds", compile_check(self.field))


@dataclass(frozen=True, slots=True)
class DeclaredPagination:
    """How a list is paged, where the manifest says so itself."""

    argument: str
    """The argument that asks for the next page."""
    next: FieldPath
    """Where in the answer the value for that argument is."""
    size: str | None = None
    """The argument that says how many items a page holds."""
    most: int | None = None
    """The most that `size` may ask for."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of an answer the model gets to read."""

    fields: tuple[FieldPath, ...] = ()
    """Only these; empty means all."""
    redact: tuple[FieldPath, ...] = ()
    """Never these: their values are replaced."""
    paging: DeclaredPagination | None = None
    most_bytes: int | None = None
    """How much of an answer is shown; None: as much as usual."""
    guard: InstructionGuard | None = None
    """What becomes of an answer that talks to the model; None: what the manifest's head says."""


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """How often one tenant may call the tool; None where only the tier's limits count."""

    per_minute: int | None = None
    concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Where a tool stands between its first version and its end."""

    version: str | None = None
    deprecated: bool = False
    sunset: date | None = None
    """The last day it is served."""
    replaced_by: str | None = None
    """The tool to use instead."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A named, described, authorized way to call one upstream operation."""

    name: str
    title: str
    description: str
    scope: str
    """The one scope a call needs, hierarchy included."""
    toolsets: tuple[str, ...]
    """Without `@`; always holds `read` or `write`."""
    read_only: bool
    destructive: bool
    idempotent: bool
    input_schema: Mapping[str, Any]
    """JSON Schema 2020-12 of the arguments a model may give; claim-bound ones are not in it."""
    bindings: Mapping[str, str]
    """Argument key of the operation to the claim that fills it: `tenant_id`, `sub`, `client_id`,
    or `data_scope.KIND`."""
    operation: Operation
    deadline: float
    """Seconds a call may take upstream."""
    validate: Callable[[Mapping[str, Any]], Sequence[ArgumentProblem]]
    """Check arguments against `input_schema`; compiled once. Empty answer: valid."""
    checks: tuple[ResponseCheck, ...] = ()
    """All must hold of an answer, or it is not passed on."""
    shape: Shape = field(default_factory=Shape)
    compiled_shape: CompiledShape = field(default_factory=CompiledShape)
    """`shape` with what is known of the operation, compiled."""
    limits: ToolLimits = field(default_factory=ToolLimits)
    cost: int = 1
    """What one call counts for in quota and billing."""
    confirm: str | None = None
    """What a person is asked before the call is made; None where nobody is."""
    inputs: Inputs = ()
    """What is asked for, in rounds, where the model left it out."""
    validate_all: Callable[[Mapping[str, Any]], Sequence[ArgumentProblem]] = lambda _: ()
    """`validate` once everything was asked for: what is asked may be absent before, not after."""
    slow: bool = False
    """Whether a client that waits is told how far the call is."""
    mirror: Mapping[str, str] = field(default_factory=dict)
    """Argument to the name that clients repeat it under, as the header `Mcp-Param-{name}`."""
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    graphql: GraphqlQuery | None = None
    """Set where the operation's body is the variables of this query."""


def publish_tool(tool: Tool) -> dict[str, Any]:
    """Describe a tool as every revision since 2025-06-18 does; older clients skip what is new."""
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "annotations": {
            "title": tool.title,
            "readOnlyHint": tool.read_only,
            "destructiveHint": tool.destructive,
            "idempotentHint": tool.idempotent,
        },
    }
