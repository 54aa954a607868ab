"""Fill arguments that models can't set: claims only from the token, and constants."""

from collections.abc import Awaitable
from typing import Any

from mcp_gateway.catalogue.fill import Constant
from mcp_gateway.pipeline.bindable_claims import resolve_claim
from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, at_once, tool_error


def bind_claims(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
    """Add the bound values and the constants; refuse the call if a bound or checked claim is
    missing, or if the caller gave a bound or filled argument.

    A binding to `data_scope.KIND` gives the value if the token names only one, else the list. The
    upstream's idempotency key, if it has one, is the call's id.
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
            return _refuse_given(argument)
        value = resolve_claim(call.caller, claim)
        if not value:
            return _refuse(claim)
        values[argument] = value
    for argument, fill in call.found.fill.items():
        if argument in values:
            return _refuse_given(argument)
        if isinstance(fill, Constant):
            values[argument] = fill.value
    if call.found.operation.idempotency is not None:
        values[call.found.operation.idempotency] = call.id
    return values


def _refuse_given(argument: str) -> ToolResult:
    return tool_error(
        f"{argument} is set by the gateway and can't be given. Nothing was done.",
        reason="bound_argument_given",
    )


def _refuse(claim: str) -> ToolResult:
    return tool_error(
        f"This tool needs the claim {claim}, which this connection does not have. Nothing was done.",
        reason="claim_missing",
    )
