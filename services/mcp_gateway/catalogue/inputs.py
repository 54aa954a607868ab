"""What a tool asks before it is called: forms for a person, drafts for the client's model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Form:
    """Fields that a person fills in, where the model left one of them out."""

    key: str
    text: str
    """The question; `{argument}` in it stands for the argument's value."""
    fields: Mapping[str, Mapping[str, Any]]
    """Argument to how the form shows it, in the part of JSON Schema that forms have."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments it fills."""
        return tuple(self.fields)


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that the client's own model writes, where the calling model left it out."""

    key: str
    text: str
    """What is to be written; `{argument}` in it stands for the argument's value."""
    argument: str
    most_tokens: int

    @property
    def arguments(self) -> tuple[str, ...]:
        """The argument it fills."""
        return (self.argument,)


Question = Form | Draft
Inputs = tuple[tuple[Question, ...], ...]
"""Rounds, in order; what stands in one round is asked at once."""
