"""The ways in which a request fails, with messages for the model."""

from mcp_gateway.http_client.port import RequestFailed


def deadline_passed(deadline: float) -> RequestFailed:
    """Return the failure of a request without a complete answer within `deadline` seconds."""
    return RequestFailed(
        "deadline",
        f"The API did not answer within {deadline:.3g} seconds. "
        "The call may or may not have taken effect.",
    )


def unreachable() -> RequestFailed:
    """Return the failure of a connection that can't be opened, or ended before the answer."""
    return RequestFailed("unreachable", "The API can't be reached, or it closed the connection.")


def too_large(limit: int) -> RequestFailed:
    """Return the failure of an answer with more than `limit` bytes, before or after decompression."""
    return RequestFailed(
        "too_large",
        f"The API's answer is larger than {limit / (1 << 20):g} MiB. Request less at a time.",
    )


def unreadable(what: str) -> RequestFailed:
    """Return the failure of an answer that is not unambiguous HTTP; `what` completes the message."""
    return RequestFailed("unreadable", f"The API's answer {what}.")
