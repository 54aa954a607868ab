"""Split an answer of several parts (RFC 2046 §5.1)."""

import binascii
import re

from mcp_gateway.http_client.port import HttpResponse

_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s";,]{1,70}))', re.IGNORECASE)
_LINE_END = re.compile(rb"[ \t]*\r?\n")
_BLANK_LINE = re.compile(rb"(?:^|\r?\n)\r?\n")


def split_parts(response: HttpResponse, most: int) -> list[HttpResponse] | None:
    """Return the parts of an answer, or one more than `most` of them.

    Returns:
        The parts, with their transfer encoding undone; None if the answer is damaged.
    """
    found = _BOUNDARY.search(response.content_type[:_LONGEST])
    if found is None:
        return None
    boundary = (found[1] or found[2]).encode("latin-1", "replace")
    # The line break before a boundary belongs to it.
    _, *pieces = (b"\n" + response.body).split(b"\n--" + boundary, most + 2)
    if len(pieces) <= most + 1:
        *pieces, end = pieces or [b""]
        if not end.startswith(b"--"):
            return None
    parts = [_read_part(piece, response.status) for piece in pieces[: most + 1]]
    whole = [part for part in parts if part is not None]
    return whole if whole and len(whole) == len(parts) else None


_LONGEST = 1024


def _read_part(piece: bytes, status: int) -> HttpResponse | None:
    begin = _LINE_END.match(piece)
    if begin is None:  # a longer boundary that begins alike
        return None
    piece = piece[begin.end() :].removesuffix(b"\r")
    blank = _BLANK_LINE.search(piece)
    if blank is None:
        return None
    headers: dict[bytes, bytes] = {}
    for line in piece[: blank.start()].split(b"\n", 100):
        name, _, value = line.partition(b":")
        headers.setdefault(name.strip().lower(), value.strip())
    content = piece[blank.end() :]
    try:
        match headers.get(b"content-transfer-encoding", b"").lower():
            case b"base64":
                content = binascii.a2b_base64(content)
            case b"quoted-printable":
                content = binascii.a2b_qp(content)
    except ValueError:
        return None
    kind = headers.get(b"content-type", b"text/plain").decode("latin-1")
    return HttpResponse(status, kind, content)
