"""Make the exchange of a call with its API."""

from mcp_gateway.http_client.port import RequestFailed
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.upstream import Upstreams
from mcp_gateway.requests.serialise import UnserialisableArgument
from mcp_gateway.upstream.credentials.port import NoCredential


def call_upstream(upstreams: Upstreams) -> Step:
    """Send the call to the API of its tool, and pass the answer on."""

    async def step(call: ToolCall, go_on: Next) -> ToolResult:
        try:
            outcome = await upstreams[call.found.api].exchange(call)
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
