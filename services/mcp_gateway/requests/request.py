"""The exact HTTP request that one tool call becomes."""

from typing import NamedTuple


class HttpRequest(NamedTuple):
    """A request ready to send: the URL fully encoded, headers without credentials."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
