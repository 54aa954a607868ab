"""Pass an answer on only if every record in it belongs to the caller."""

from collections.abc import Awaitable

import structlog
from orjson import JSONDecodeError, loads

from mcp_gateway.pipeline.bindable_claims import resolve_claim
from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, tool_error
from mcp_gateway.results.content import BOM
from mcp_gateway.results.fields import format_field
from mcp_gateway.upstream.graphql_errors import graphql_errors

log = structlog.get_logger()


def check_response(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
    """Withhold an answer that contains, or may contain, somebody else's record, and log an error.

    An answer that is not JSON can't be checked and is withheld too. Errors and answers without
    content have no records.
    """
    return _check(call, go_on) if call.found.checks else go_on(call)


async def _check(call: ToolCall, go_on: Next) -> ToolResult:
    tool, response = call.found, call.response
    assert response is not None  # noqa: S101 - the order of the steps
    if not response.body or response.status >= 300:
        return await go_on(call)
    if tool.graphql is not None and graphql_errors(response):
        return await go_on(call)
    try:
        answer = loads(response.body.removeprefix(BOM))
    except JSONDecodeError:
        return _withhold(call, "it is not JSON")
    for check in tool.checks:
        claim = resolve_claim(call.caller, check.claim)
        wanted = frozenset((claim,) if isinstance(claim, str) else claim)
        if not check.holds(answer, wanted):
            return _withhold(call, f"{format_field(check.field)} is not {check.claim}")
    return await go_on(call.with_answer(answer))


def _withhold(call: ToolCall, why: str) -> ToolResult:
    log.error(
        "foreign_record_withheld",
        call_id=call.id,
        tenant_id=call.caller.tenant_id,
        tool=call.name,
        reason=why,
    )
    assert call.response is not None  # noqa: S101 - checked above
    return tool_error(
        "The API was called, but its answer may contain another tenant's data. It was withheld, and "
        f"the operator was told. Calling again will not help. Call id: {call.id}",
        reason="foreign_record",
        decision="failed",
        status=call.response.status,
    )
