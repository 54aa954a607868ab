"""Make the upstream request of a call."""

from collections.abc import Mapping

from mcp_gateway.http_client.port import RequestFailed
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.retry import RetryingSender
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.requests.serialise import RequestWriters, UnserialisableArgument
from mcp_gateway.upstream.credentials.port import NoCredential


def call_upstream(requests: RequestWriters, sender: RetryingSender) -> Step:
    """Write the request, send it within the deadline, and pass the answer on.

    All attempts share the tool's deadline, including the time that the call waited for its slot.
    """

    async def step(call: ToolCall, go_on: Next) -> ToolResult:
        tool = call.found

        def write(secrets: Mapping[str, str]) -> HttpRequest:
            values = {**call.values, **secrets} if secrets else call.values
            request = requests.write(tool.name, tool.operation, values)
            return request if tool.graphql is None else tool.graphql.wrap(request)

        try:
            outcome = await sender.send(call, write, tool.deadline - call.waited)
        except UnserialisableArgument as problem:
            subject = problem.argument or "The request"
            return tool_error(
                f"{subject} {problem.message}. Nothing was done.", reason="unserialisable"
            )
        except NoCredential as problem:
            said = str(problem)
            return tool_error(said, reason="no_credential", decision="failed", error=said)
        if isinstance(outcome, RequestFailed):
            said = str(outcome)
            return tool_error(said, reason=outcome.reason, decision="failed", error=said)
        return await go_on(call.with_response(outcome))

    return step
