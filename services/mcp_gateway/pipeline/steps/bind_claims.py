"""Fill the arguments that belong to the caller's identity from the token, and from nowhere else."""

from collections.abc import Awaitable
from typing import Any

from gatepost.claims import AccessClaims
from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, at_once, tool_error

_DATA_SCOPE = "data_scope."


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


def resolve_claim(caller: AccessClaims, claim: str) -> str | list[str]:
    """Read one bindable claim; empty where the token has no value for it."""
    if claim.startswith(_DATA_SCOPE):
        kind = caller.data_scope[claim.removeprefix(_DATA_SCOPE)]
        return kind[0] if len(kind) == 1 else kind
    match claim:
        case "tenant_id":
            return caller.tenant_id
        case "sub":
            return caller.sub
        case "client_id":
            return caller.client_id
        case _:
            return ""
