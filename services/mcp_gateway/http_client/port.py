"""What the pipeline needs of whatever carries requests to the upstream API."""

from typing import NamedTuple, Protocol

from mcp_gateway.requests.request import HttpRequest

ASSERTION_HEADER = "Gatepost-Assertion"


class HttpResponse(NamedTuple):
    """The upstream's whole answer: the header fields as they came, the body decompressed."""

    status: int
    content_type: str
    body: bytes
    retry_after: str = ""
    link: str = ""


class RequestFailed(Exception):
    """No answer that can be passed on; the message is what the model may read."""

    def __init__(self, reason: str, message: str) -> None:
        """Take one word for the log beside the message.

        `unreachable`: no connection, or one that broke off; `deadline`: nothing in time. Any other
        means that an answer came which is of no use, such as `too_large` or `unreadable`.
        """
        super().__init__(message)
        self.reason = reason


class HttpClient(Protocol):
    """Sends one request and reads the whole answer."""

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Send within `deadline` seconds, following no redirect.

        Raises:
            UpstreamFailed: nothing answered in time, or the answer can't be read.
        """
        ...
