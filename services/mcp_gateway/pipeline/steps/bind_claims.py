"""Fill the arguments that belong to the caller's identity from the token, and from nowhere else."""

from collections.abc import Awaitable
from typing import Any

from mcp_gateway.pipeline.bindable_claims import resolve_claim
from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, at_once, tool_error


def bind_claims(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
    """Add the bound values; the call ends where one is missing or the caller sent its own, and where
    a claim is missing that the answer is to be checked against.

    A binding to `data_scope.KIND` gives the one value where the token names one, else the list.
    Where the upstream takes an idempotency key, that is the call's id.
    """
    bound = _bind(call)
    return at_once(bound) if isinstance(bound, ToolResult) else go_on(call.with_values(bound))


def _bind(call: ToolCall) -> dict[str, Any] | ToolResult:
    values = dict(call.arguments)
    for check in call.found.checks:
        if not resolve_claim(call.caller, check.claim):
            return _refuse(check.claim)
    for argument, claim in call.found.bindings.items():
        if argument in values:
            return tool_error(
                f"{argument} is set by the gateway and can't be given. Nothing was done.",
                reason="bound_argument_given",
            )
        value = resolve_claim(call.caller, claim)
        if not value:
            return _refuse(claim)
        values[argument] = value
    if call.found.operation.idempotency is not None:
        values[call.found.operation.idempotency] = call.id
    return values


def _refuse(claim: str) -> ToolResult:
    return tool_error(
        f"This tool needs the claim {claim}, which this connection does not carry. Nothing was done.",
        reason="claim_missing",
    )
