"""Tell clients their limits in the headers of an answer."""

from collections.abc import Sequence

from mcp_gateway.limits.states import LimitState
from mcp_gateway.wire.jsonrpc import HeaderLines


def limit_headers(states: Sequence[LimitState], retry_after: int | None) -> HeaderLines:
    """Write `RateLimit-Policy`, `RateLimit` and, after a refusal, `Retry-After`.

    The draft of the first two is draft-ietf-httpapi-ratelimit-headers-11; RFC 9110 §10.2.3 defines the
    last. Quotas count units, of which a call may cost several.
    """
    lines = []
    if states:
        policies = ", ".join([f'"{one.name}";q={one.most};w={one.window}' for one in states])
        left = ", ".join([f'"{one.name}";r={one.left};t={one.resets}' for one in states])
        lines = [(b"ratelimit-policy", policies.encode()), (b"ratelimit", left.encode())]
    if retry_after is not None:
        lines.append((b"retry-after", b"%d" % retry_after))
    return lines
