"""How an upstream call fails, in words that the model may read."""

from mcp_gateway.http_client.port import RequestFailed


def deadline_passed(deadline: float) -> RequestFailed:
    """No whole answer came within `deadline` seconds."""
    return RequestFailed(
        "deadline",
        f"The API did not answer within {deadline:.3g} seconds. "
        "Whether the call took effect there is not known.",
    )


def unreachable() -> RequestFailed:
    """There is no connection, or it ended before the answer did."""
    return RequestFailed("unreachable", "The API can't be reached or broke the connection off.")


def too_large(limit: int) -> RequestFailed:
    """The answer has more than `limit` bytes, as it came or decompressed."""
    return RequestFailed(
        "too_large",
        f"The API's answer is larger than {limit / (1 << 20):g} MiB. Ask for less at a time.",
    )


def unreadable(what: str) -> RequestFailed:
    """The answer is no HTTP that has one meaning; `what` ends the sentence."""
    return RequestFailed("unreadable", f"The API's answer {what}.")
