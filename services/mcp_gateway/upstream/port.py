"""What the pipeline needs of whatever carries requests to the upstream API."""

from dataclasses import dataclass
from typing import Protocol

from mcp_gateway.upstream.request import UpstreamRequest

ASSERTION_HEADER = "Gatepost-Assertion"


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """The upstream's whole answer: `content_type` as its header has it, the body decompressed."""

    status: int
    content_type: str
    body: bytes


class UpstreamFailed(Exception):
    """No answer that can be passed on; the message is what the model may read."""

    def __init__(self, reason: str, message: str) -> None:
        """Take one word for the log beside the message."""
        super().__init__(message)
        self.reason = reason


class Upstream(Protocol):
    """Sends one request and reads the whole answer."""

    async def send(self, request: UpstreamRequest, *, deadline: float) -> UpstreamResponse:
        """Send within `deadline` seconds, following no redirect.

        Raises:
            UpstreamFailed: nothing answered in time, or the answer can't be read.
        """
        ...
