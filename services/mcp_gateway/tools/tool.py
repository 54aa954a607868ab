"""A tool as the gateway serves it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_gateway.tools.operation import Operation


@dataclass(frozen=True, slots=True)
class ArgumentProblem:
    """One argument that breaks the tool's schema, in words a model can act on."""

    argument: str
    """Path of the argument, as `due.date` or `labels[2]`; empty for the arguments as a whole."""
    message: str


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
