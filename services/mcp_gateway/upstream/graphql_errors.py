"""Read the errors of a GraphQL endpoint, which come with status 200."""

from typing import Any

_MOST = 10
_LONGEST = 500


def graphql_errors(answer: Any) -> list[str]:
    """Return the messages of a parsed answer's `errors`, shortened; empty if there are none.

    Other parts of an error are dropped, since `extensions` may contain internal details.
    Source: GraphQL specification (October 2021) §7.1.2.
    """
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return [_message(error) for error in errors[:_MOST]] if isinstance(errors, list) else []


def _message(error: Any) -> str:
    said = error.get("message") if isinstance(error, dict) else None
    if not isinstance(said, str):
        return "an error without a message"
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
