"""Take JSON, and answer only what the client can read (streamable HTTP, Sending Messages)."""

from mcp_gateway.front.accept import USUAL, accepts_json, bare_media_type
from mcp_gateway.front.exchange import Exchange, refuse


async def require_media_types(exchange: Exchange) -> Exchange:
    """Compare `Content-Type`, and `Accept` where there is one.

    Raises:
        Refused: 415 for a body that is not called JSON, which is all a foreign web page could send
            without asking; 406 for a client that takes no JSON.
    """
    headers = exchange.headers
    content_type = headers.get(b"content-type") or b""
    if content_type != b"application/json" and bare_media_type(content_type) != b"application/json":
        raise refuse(415, "unsupported_media_type", "send Content-Type: application/json")
    if not accepts_json(headers):
        raise refuse(406, "not_acceptable", f"send Accept: {USUAL.decode()}")
    return exchange
