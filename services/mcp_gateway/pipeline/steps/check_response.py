"""Pass an answer on only if every record in it belongs to the caller."""

from collections.abc import Awaitable
from functools import partial
from typing import Any

import structlog

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.pipeline.bindable_claims import resolve_claim
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, at_once, tool_error
from mcp_gateway.results.answer import TooMuch, read_answer
from mcp_gateway.results.fields import format_field
from mcp_gateway.upstream.error_answers import read_error
from mcp_gateway.upstream.graphql_errors import graphql_errors
from mcp_gateway.work.worker import Worker, takes_long

log = structlog.get_logger()


def check_response(worker: Worker) -> Step:
    """Withhold an answer that contains, or may contain, another tenant's record, and log an error.

    An answer that is not JSON can't be checked and is withheld too. In an error, the checked field
    may stand anywhere or nowhere; an error that is not JSON loses its text. The answer goes on as it
    was checked, and answers without content have no records.
    """

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        response = call.response
        assert response is not None  # noqa: S101 - the order of the steps
        if not call.found.checks or not response.body:
            return go_on(call)
        if takes_long(response.body):
            return _examine_in(worker, call, response, go_on)
        examined = _examine(call, response)
        return at_once(examined) if isinstance(examined, ToolResult) else go_on(examined)

    return step


async def _examine_in(
    worker: Worker, call: ToolCall, response: HttpResponse, go_on: Next
) -> ToolResult:
    examined = await worker.run(partial(_examine, call, response))
    return examined if isinstance(examined, ToolResult) else await go_on(examined)


def _examine(call: ToolCall, response: HttpResponse) -> ToolCall | ToolResult:
    if response.status >= 300 or response.failed:
        return _examine_error(call, response)
    try:
        answer = read_answer(response.body, exact=True).rewritten()
    except ValueError:
        return _withhold(call, "it is not JSON")
    except TooMuch as problem:
        return tool_error(
            str(problem), reason="too_large", decision="failed", status=response.status
        )
    is_error = call.found.graphql is not None and graphql_errors(answer.value)
    why = _find_foreign(call, answer.value, is_error=bool(is_error))
    return call.with_answer(answer) if why is None else _withhold(call, why)


def _examine_error(call: ToolCall, response: HttpResponse) -> ToolCall | ToolResult:
    error = read_error(response)
    if error is None:
        return call.with_response(response._replace(body=b""))
    why = _find_foreign(call, error, is_error=True)
    return call if why is None else _withhold(call, why)


def _find_foreign(call: ToolCall, answer: Any, *, is_error: bool) -> str | None:
    """Return which field of an answer is not the caller's, or None."""
    for check in call.found.checks:
        claim = resolve_claim(call.caller, check.claim)
        wanted = frozenset((claim,) if isinstance(claim, str) else claim)
        holds = check.holds_in_error if is_error else check.holds
        if not holds(answer, wanted):
            return f"{format_field(check.field)} is not {check.claim}"
    return None


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
