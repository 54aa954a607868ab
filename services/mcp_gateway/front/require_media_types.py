"""Require a JSON body, and a client that accepts JSON (streamable HTTP, Sending Messages)."""

from mcp_gateway.front.accept import USUAL, accepts_json, bare_media_type
from mcp_gateway.front.exchange import Exchange, refuse


async def require_media_types(exchange: Exchange) -> Exchange:
    """Check `Content-Type`, and `Accept` if it is present.

    Raises:
        Refused: 415 for a body of another type, the only kind that a foreign web page can send
            without a preflight; 406 for a client that does not accept JSON.
    """
    headers = exchange.headers
    content_type = headers.get(b"content-type") or b""
    if content_type != b"application/json" and bare_media_type(content_type) != b"application/json":
        raise refuse(415, "unsupported_media_type", "send Content-Type: application/json")
    if not accepts_json(headers):
        raise refuse(406, "not_acceptable", f"send Accept: {USUAL.decode()}")
    return exchange
