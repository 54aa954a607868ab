"""Read the errors of a GraphQL endpoint, which come with status 200."""

from typing import Any

from mcp_gateway.upstream.error_answers import tell_apart

_MOST = 10


def graphql_errors(answer: Any) -> list[str]:
    """Return the messages of a parsed answer's `errors`, shortened; empty if there are none.

    Other parts of an error are dropped, since `extensions` may contain internal details, and so are
    secrets and parts of stack traces in a message.
    Source: GraphQL specification (October 2021) §7.1.2.
    """
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return [_message(error) for error in errors[:_MOST]] if isinstance(errors, list) else []


def _message(error: Any) -> str:
    said = error.get("message") if isinstance(error, dict) else None
    return (tell_apart(said) if isinstance(said, str) else "") or "an error without a message"
