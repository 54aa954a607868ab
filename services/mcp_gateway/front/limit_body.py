"""Read the body, which may have one MiB."""

from mcp_gateway.front.asgi import Disconnected
from mcp_gateway.front.exchange import Exchange, Refused, refuse

MAX_BODY = 1 << 20


async def limit_body(exchange: Exchange) -> Exchange:
    """Read the whole body.

    Raises:
        Refused: 413, if the announced length or the body exceeds the limit.
        Disconnected: the client disconnected first.
    """
    announced = exchange.headers.get(b"content-length") or b""
    if announced.isdigit() and (len(announced) > 10 or int(announced) > MAX_BODY):
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await exchange.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise _too_large()
        chunks.append(chunk)
        more = message.get("more_body", False)
    return exchange.with_body(b"".join(chunks))


def _too_large() -> Refused:
    # The rest of the body stays unread, so the connection can't be reused.
    close = (b"connection", b"close")
    return refuse(413, "body_too_large", f"the body is larger than {MAX_BODY} bytes", close)
