"""Decode the content coding of an answer (RFC 9110 §8.4), up to a limit."""

import zlib

from mcp_gateway.http_client.failures import too_large, unreadable


def decode_content(body: bytes, coding: str, limit: int) -> bytes:
    """Decompress a body in `gzip`, the only coding that the client asks for.

    Raises:
        RequestFailed: the body has another coding, is damaged or truncated, or has more than
            `limit` bytes.
    """
    coding = coding.lower()
    if coding in {"", "identity"} or not body:
        return body
    if coding not in {"gzip", "x-gzip"}:
        raise unreadable("is in an encoding not asked for")
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = decoder.decompress(body, limit + 1)
    except zlib.error:
        raise unreadable("is damaged") from None
    if len(plain) > limit:
        raise too_large(limit)
    if not decoder.eof:
        raise unreadable("is cut off")
    return plain
