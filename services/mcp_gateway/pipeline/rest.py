"""An API that is described by an OpenAPI document, or by GraphQL queries."""

from collections.abc import Awaitable, Mapping, Sequence

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.pipeline.call import ToolCall
from mcp_gateway.pipeline.retry import RetryingSender
from mcp_gateway.pipeline.upstream import Outcome
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.requests.serialise import RequestWriters
from mcp_gateway.upstream.credentials.linked_account import ByLinkedAccount


class RestUpstream:
    """Writes the request of a call's operation and sends it."""

    def __init__(self, requests: RequestWriters, sender: RetryingSender) -> None:
        """Take the writers of the API's requests, and their sender."""
        self._requests = requests
        self._sender = sender

    def links_of(self, tool: Tool) -> Sequence[ByLinkedAccount]:
        """Return the credentials of a tool for which the person must have linked an account."""
        return self._sender.links_of(tool)

    def exchange(self, call: ToolCall) -> Awaitable[Outcome]:
        """Send the request; all attempts share the deadline, including the wait for a slot.

        Raises:
            NoCredential: as for `RetryingSender.send`.
            UnserialisableArgument: as for `RetryingSender.send`.
        """
        tool = call.found

        def write(secrets: Mapping[str, str]) -> HttpRequest:
            values = {**call.values, **secrets} if secrets else call.values
            request = self._requests.write(tool.name, tool.operation, values)
            return request if tool.graphql is None else tool.graphql.wrap(request)

        return self._sender.send(call, write, tool.deadline - call.waited)
