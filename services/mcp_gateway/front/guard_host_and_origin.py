"""Serve only the gateway's own host name and known browser origins (streamable HTTP, Security 1)."""

import re

from mcp_gateway.front.exchange import Check, Exchange, refuse
from mcp_gateway.front.origins import match_origin
from mcp_gateway.wire.jsonrpc import Reply

_PARAM_HEADER = re.compile(rb"mcp-param-[!#$%&'*+.^_`|~0-9a-z-]{1,64}")

_ALLOWED_HEADERS = (
    b"authorization, content-type, mcp-protocol-version, mcp-method, mcp-name, "
    b"mcp-session-id, last-event-id, x-api-key, dpop"
)


def guard_host_and_origin(
    hosts: frozenset[bytes], origins: frozenset[bytes], resource: str
) -> Check:
    """Check `Host` and, if a browser sent it, `Origin`; answer a preflight.

    Args:
        hosts: the accepted values of `Host`.
        origins: the accepted values of `Origin`.
        resource: the URL that the refusal of another host names.

    Raises:
        Refused: 421 for an unknown host, 403 for an unknown origin.
    """

    async def check(exchange: Exchange) -> Exchange:
        headers = exchange.headers
        host = headers.get(b"host") or b""
        if host.lower() not in hosts or b"host" in headers.repeated:
            raise refuse(421, "misdirected_request", f"connect to {resource} with its own host")
        origin = headers.get(b"origin")
        if origin is None:
            return exchange
        if not match_origin(origin, origins) or b"origin" in headers.repeated:
            raise refuse(403, "origin_not_allowed", "requests from this Origin are not allowed")
        if exchange.method == "OPTIONS" and headers.get(b"access-control-request-method"):
            preflight = (
                (b"access-control-allow-methods", b"GET, POST"),
                (
                    b"access-control-allow-headers",
                    _allowed_headers(headers.get(b"access-control-request-headers") or b""),
                ),
                (b"access-control-max-age", b"600"),
            )
            return exchange._replace(reply=Reply(204, headers=preflight))
        return exchange

    return check


def _allowed_headers(asked: bytes) -> bytes:
    """Return the allowed headers: the usual ones, and all that repeat a tool's argument."""
    names = [name.strip(b" \t").lower() for name in asked.split(b",")]
    repeated = [name for name in names if _PARAM_HEADER.fullmatch(name)]
    return b", ".join([_ALLOWED_HEADERS, *repeated])
