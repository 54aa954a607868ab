"""Answer to our own name and to known browser origins only (streamable HTTP, Security 1)."""

import re

from mcp_gateway.front.exchange import Door, Exchange, refuse
from mcp_gateway.wire.jsonrpc import HeaderLines, Reply

_PARAM_HEADER = re.compile(rb"mcp-param-[!#$%&'*+.^_`|~0-9a-z-]{1,64}")

TOKEN_ENDS_IN = b"gatepost-token-expires-in"
"""Seconds until the access token that a request came with is over; sent once they are few."""
_EXPOSED = b"www-authenticate, x-request-id, mcp-session-id, retry-after, " + TOKEN_ENDS_IN
_ALLOWED_HEADERS = (
    b"authorization, content-type, mcp-protocol-version, mcp-method, mcp-name, "
    b"mcp-session-id, last-event-id, x-api-key"
)


async def guard_host_and_origin(exchange: Exchange, door: Door) -> Exchange:
    """Compare `Host` and, where a browser sent one, `Origin`; answer a preflight.

    Raises:
        Refused: 421 for a host, 403 for an origin that is not ours.
    """
    headers = exchange.headers
    host = headers.get(b"host") or b""
    if host.lower() not in door.hosts or b"host" in headers.repeated:
        raise refuse(421, "misdirected_request", "this server does not answer to that Host")
    origin = headers.get(b"origin")
    if origin is None:
        return exchange
    if origin.lower() not in door.origins or b"origin" in headers.repeated:
        raise refuse(403, "origin_not_allowed", "requests from this Origin are not allowed")
    if exchange.method == "OPTIONS" and headers.get(b"access-control-request-method"):
        preflight = (
            (b"access-control-allow-methods", b"POST"),
            (
                b"access-control-allow-headers",
                _allowed_headers(headers.get(b"access-control-request-headers") or b""),
            ),
            (b"access-control-max-age", b"600"),
        )
        return exchange._replace(reply=Reply(204, headers=preflight))
    return exchange


def _allowed_headers(asked: bytes) -> bytes:
    """Allow the usual headers, and those that repeat an argument, whatever their names."""
    names = [name.strip(b" \t").lower() for name in asked.split(b",")]
    repeated = [name for name in names if _PARAM_HEADER.fullmatch(name)]
    return b", ".join([_ALLOWED_HEADERS, *repeated])


def every_answer(exchange: Exchange, door: Door) -> HeaderLines:
    """Name the request, and let the page that asked, if a known one did, read the answer."""
    named: HeaderLines = ((b"x-request-id", exchange.id.encode()),)
    if exchange.token_ends_in is not None:
        named = (*named, (TOKEN_ENDS_IN, str(max(exchange.token_ends_in, 0)).encode()))
    origin = exchange.headers.get(b"origin")
    if origin is None or origin.lower() not in door.origins:
        return named
    return (
        *named,
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    )
