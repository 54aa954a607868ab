"""Require a JSON body, and a client that accepts an answer (streamable HTTP, Sending Messages)."""

from mcp_gateway.front.accept import USUAL, accepts_json, accepts_stream, bare_media_type
from mcp_gateway.front.exchange import Exchange, refuse


async def require_media_types(exchange: Exchange) -> Exchange:
    """Check `Content-Type` and `Content-Encoding`, and `Accept` if it is present.

    Raises:
        Refused: 415 for a body of another type, the only kind that a foreign web page can send
            without a preflight, and for a compressed body; 406 for a client that accepts neither
            JSON nor an event stream.
    """
    headers = exchange.headers
    content_type = headers.get(b"content-type") or b""
    if content_type != b"application/json" and bare_media_type(content_type) != b"application/json":
        raise refuse(415, "unsupported_media_type", "send Content-Type: application/json")
    if headers.get(b"content-encoding") not in (None, b"", b"identity"):
        said = "send the body without Content-Encoding"
        raise refuse(415, "unsupported_media_type", said, (b"accept-encoding", b"identity"))
    if not accepts_json(headers) and not accepts_stream(headers):
        raise refuse(406, "not_acceptable", f"send Accept: {USUAL.decode()}")
    return exchange
