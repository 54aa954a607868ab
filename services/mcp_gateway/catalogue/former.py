"""The names that a tool had before, by which clients may still call it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_gateway.catalogue.tool import ArgumentProblem


@dataclass(frozen=True, slots=True)
class FormerName:
    """One former name of a tool, and what its arguments were called then."""

    name: str
    until: date
    """The last day on which calls by this name are accepted, in UTC."""
    arguments: Mapping[str, str]
    """Former name of each argument that has another name now."""
    input_schema: Mapping[str, Any]
    """The tool's schema with the former names of its arguments, so that problems are told in them."""
    validate: "Callable[[Mapping[str, Any]], Sequence[ArgumentProblem]]"

    def rename(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments under their present names."""
        return {self.arguments.get(name, name): value for name, value in arguments.items()}
