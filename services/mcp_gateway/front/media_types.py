"""Take JSON, and answer only what the client can read (streamable HTTP, Sending Messages)."""

from mcp_gateway.front.exchange import Door, Exchange, refuse
from mcp_gateway.wire.headers import Headers

_JSON = frozenset({b"application/json", b"application/*", b"*/*"})
_STREAM = frozenset({b"text/event-stream", b"text/*", b"*/*"})
_USUAL = b"application/json, text/event-stream"


async def media_types(exchange: Exchange, _: Door) -> Exchange:
    """Compare `Content-Type`, and `Accept` where there is one.

    Raises:
        Refused: 415 for a body that is not called JSON, which is all a foreign web page could send
            without asking; 406 for a client that takes no JSON.
    """
    headers = exchange.headers
    content_type = headers.get(b"content-type") or b""
    if content_type != b"application/json" and _bare(content_type) != b"application/json":
        raise refuse(415, "unsupported_media_type", "send Content-Type: application/json")
    accept = headers.get(b"accept")
    if accept is not None and accept != _USUAL and _accepted(accept).isdisjoint(_JSON):
        raise refuse(406, "not_acceptable", f"send Accept: {_USUAL.decode()}")
    return exchange


def takes_stream(headers: Headers) -> bool:
    """Tell whether the client reads an event stream; one that doesn't say so gets none."""
    accept = headers.get(b"accept")
    return accept == _USUAL or (accept is not None and not _accepted(accept).isdisjoint(_STREAM))


def _accepted(accept: bytes) -> set[bytes]:
    return {_bare(part) for part in accept.split(b",")}


def _bare(media_type: bytes) -> bytes:
    return media_type.partition(b";")[0].strip(b" \t").lower()
