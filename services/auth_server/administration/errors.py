"""Refusals of what operators ask for, which each door puts in its own form."""


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
