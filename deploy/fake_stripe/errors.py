"""Errors in Stripe's form."""

from typing import Any


class StripeError(Exception):
    """A refusal, with the status and the members of Stripe's error object."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        retry: bool | None = None,
        **members: str,
    ) -> None:
        """Take the message, and what Stripe says beside it."""
        super().__init__(message)
        self.status = status
        self.retry = retry
        self.body: dict[str, Any] = {"error": {"type": kind, "message": message, **members}}


def missing(what: str, key: object) -> StripeError:
    """Say that an object does not exist."""
    return StripeError(f"No such {what}: '{key}'", status=404, code="resource_missing", param="id")
