"""Refusals of what operators ask for, which each door puts in its own form."""

from pydantic import ValidationError


class Forbidden(Exception):
    """The operator or token lacks a scope."""

    def __init__(self, scope: str) -> None:
        """Take the missing scope."""
        super().__init__(f"this requires the scope {scope}")
        self.scope = scope


class NotFound(Exception):
    """The thing does not exist; the message names it."""


class Refused(Exception):
    """A value is refused.

    Attributes:
        field: the name of the value.
        reason: why, and what would be accepted.
    """

    def __init__(self, field: str, reason: str) -> None:
        """Take the field and the reason."""
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def refuse(error: ValidationError) -> Refused:
    """Turn the first problem of a form's values into a refusal."""
    first = error.errors(include_input=False, include_url=False)[0]
    return Refused(".".join(map(str, first["loc"])), first["msg"])
