"""Decode the content coding of an answer (RFC 9110 §8.4), up to a limit."""

import zlib

from mcp_gateway.http_client.failures import too_large, unreadable

_MOST_MEMBERS = 1000
_STEP = 1 << 16


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
    pieces: list[bytes] = []
    size, members, decoder = 0, 1, _open()
    for start in range(0, len(body), _STEP):
        chunk = body[start : start + _STEP]
        while chunk:
            if decoder.eof:  # a gzip file is a series of members (RFC 1952 §2.2)
                members, decoder = members + 1, _open()
            if members > _MOST_MEMBERS:
                raise unreadable(f"has more than {_MOST_MEMBERS} compressed parts")
            try:
                pieces.append(decoder.decompress(chunk, limit - size + 1))
            except zlib.error:
                raise unreadable("is damaged") from None
            size += len(pieces[-1])
            if size > limit:
                raise too_large(limit)
            chunk = decoder.unused_data
    if not decoder.eof:
        raise unreadable("is cut off")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _open() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
