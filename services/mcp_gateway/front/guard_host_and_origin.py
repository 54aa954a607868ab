"""Answer to our own name and to known browser origins only (streamable HTTP, Security 1)."""

from mcp_gateway.front.exchange import Door, Exchange, refuse
from mcp_gateway.wire.jsonrpc import Reply

_ALLOWED_HEADERS = (
    b"authorization, content-type, mcp-protocol-version, mcp-method, mcp-name, "
    b"mcp-session-id, last-event-id"
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
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", b"600"),
        )
        return exchange._replace(reply=Reply(204, headers=preflight))
    return exchange


def cors_headers(exchange: Exchange, door: Door) -> tuple[tuple[bytes, bytes], ...]:
    """Let the page that asked read the answer; none where no known browser origin asked."""
    origin = exchange.headers.get(b"origin")
    if origin is None or origin.lower() not in door.origins:
        return ()
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"www-authenticate, x-request-id"),
        (b"vary", b"origin"),
    )
