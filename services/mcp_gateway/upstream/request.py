"""The exact HTTP request that one tool call becomes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request ready to send: the URL fully encoded, headers without credentials."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
