"""The exact HTTP request of one tool call."""

from collections.abc import Callable
from typing import NamedTuple


class HttpRequest(NamedTuple):
    """A request to send, with the URL fully encoded and without credentials."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    partition: str | None = ""
    """Requests share connections only with those of the same partition; with None, this one gets a
    connection of its own, which is closed afterwards."""
    ends: Callable[[bytes | bytearray], bool] | None = None
    """Tells from the body so far whether the rest of the answer is not needed, so that a stream may stay open."""
