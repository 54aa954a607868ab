"""The port through which the gateway sends requests."""

from typing import Any, NamedTuple, Protocol

from mcp_gateway.requests.request import HttpRequest

ASSERTION_HEADER = "Gatepost-Assertion"
UNANSWERED = frozenset({"deadline", "unreachable"})
"""The reasons of failures after which nobody knows what the upstream did."""


class HttpResponse(NamedTuple):
    """A whole answer: header fields as received, the body decompressed."""

    status: int
    content_type: str
    body: bytes
    retry_after: str = ""
    link: str = ""
    session: str = ""
    """`Mcp-Session-Id`, which only an MCP server sends."""
    blocks: tuple[dict[str, Any], ...] = ()
    """Content blocks of an MCP server's answer beside the body: pictures, sounds and files."""
    failed: bool = False
    """Whether an MCP server says that the call failed, whatever the status."""


class RequestFailed(Exception):
    """The request has no usable answer; the message is for the model."""

    def __init__(self, reason: str, message: str) -> None:
        """Take one word for the log, and the message.

        `unreachable` means that the connection failed, `deadline` that no answer arrived in time.
        Other reasons, such as `too_large` or `unreadable`, mean that the answer is unusable.
        """
        super().__init__(message)
        self.reason = reason


class HttpClient(Protocol):
    """Sends one request and reads the whole answer."""

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Send within `deadline` seconds, without following redirects.

        Raises:
            RequestFailed: no answer arrived in time, or it can't be read.
        """
        ...
