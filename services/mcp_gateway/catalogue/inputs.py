"""Questions before a tool is called: forms for a person, drafts for the client's model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Form:
    """Fields that a person fills in if the model left one of them out."""

    key: str
    text: str
    """The question; `{argument}` is replaced by the argument's value."""
    fields: Mapping[str, Mapping[str, Any]]
    """Argument name to its field, in the subset of JSON Schema that forms support."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments that the form fills."""
        return tuple(self.fields)


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that the client's own model writes if the calling model left it out."""

    key: str
    text: str
    """The instruction for the text; `{argument}` is replaced by the argument's value."""
    argument: str
    most_tokens: int

    @property
    def arguments(self) -> tuple[str, ...]:
        """The argument that the draft fills."""
        return (self.argument,)


Question = Form | Draft
Inputs = tuple[tuple[Question, ...], ...]
"""Rounds in order; the questions of one round are asked together."""
