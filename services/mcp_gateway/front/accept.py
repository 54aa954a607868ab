"""Read the `Accept` header (RFC 9110 §12.5.1)."""

from mcp_gateway.wire.headers import Headers

USUAL = b"application/json, text/event-stream"
_JSON = frozenset({b"application/json", b"application/*", b"*/*"})
_STREAM = frozenset({b"text/event-stream", b"text/*", b"*/*"})


def accepts_json(headers: Headers) -> bool:
    """Tell whether the client accepts JSON, which a client without an `Accept` header does."""
    accept = headers.get(b"accept")
    return accept is None or accept == USUAL or not _accepted(accept).isdisjoint(_JSON)


def accepts_stream(headers: Headers) -> bool:
    """Tell whether the client accepts an event stream, which it must state."""
    accept = headers.get(b"accept")
    return accept == USUAL or (accept is not None and not _accepted(accept).isdisjoint(_STREAM))


def accepts_html(headers: Headers) -> bool:
    """Tell whether the client names HTML, as browsers do that open a page."""
    return b"text/html" in _accepted(headers.get(b"accept") or b"")


def bare_media_type(value: bytes) -> bytes:
    """Return a media type without its parameters, in lower case."""
    return value.partition(b";")[0].strip(b" \t").lower()


def _accepted(accept: bytes) -> set[bytes]:
    return {bare_media_type(part) for part in accept.split(b",")}
