"""The port through which a call becomes an exchange with its API."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.pipeline.call import ToolCall
from mcp_gateway.upstream.credentials.linked_account import ByLinkedAccount

Outcome = HttpResponse | RequestFailed


class Upstream(Protocol):
    """One API, as the pipeline sees it."""

    def links_of(self, tool: Tool) -> Sequence[ByLinkedAccount]:
        """Return the credentials of a tool for which the person must have linked an account."""
        ...

    def exchange(self, call: ToolCall) -> Awaitable[Outcome]:
        """Send what the call asks for within its deadline, and return the API's answer.

        Raises:
            NoCredential: the caller's credential does not exist, or is unavailable.
            UnserialisableArgument: the request can't be written.
        """
        ...


Upstreams = Mapping[str, Upstream]
"""The APIs of a gateway by name."""
