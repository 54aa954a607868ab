"""Read the errors of a GraphQL endpoint, which come with status 200."""

from typing import Any

import orjson

from mcp_gateway.http_client.port import HttpResponse

_MOST = 10
_LONGEST = 500


def graphql_errors(response: HttpResponse) -> list[str]:
    """Return the messages of an answer's `errors`, shortened; empty if there are none.

    Other parts of an error are dropped, since `extensions` may contain internal details.
    Source: GraphQL specification (October 2021) §7.1.2.
    """
    try:
        answer = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return []
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return [_message(error) for error in errors[:_MOST]] if isinstance(errors, list) else []


def _message(error: Any) -> str:
    said = error.get("message") if isinstance(error, dict) else None
    if not isinstance(said, str):
        return "an error without a message"
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
