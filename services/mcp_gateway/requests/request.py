"""The exact HTTP request of one tool call."""

from typing import NamedTuple


class HttpRequest(NamedTuple):
    """A request to send, with the URL fully encoded and without credentials."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
