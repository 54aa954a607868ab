"""Let a call wait until an admin of the tenant has approved it."""

from collections.abc import Awaitable

import structlog

from gatepost.approvals import ApprovalState
from mcp_gateway.elicitation.approvals import (
    ApprovalUnknown,
    AskForApproval,
    describe_for_approval,
    needs_approval,
)
from mcp_gateway.elicitation.ask import (
    ELICITATION,
    BadAnswer,
    Declined,
    TooLongToConfirm,
    ask_to_wait,
    read_form,
)
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.conversation import CannotAsk, NobodyAnswered

_TOLD: dict[ApprovalState, str] = {
    "waiting": (
        "An admin of the person's organisation must approve this call. The admins were asked. "
        "Nothing was done. Tell the person. Once an admin has approved it, call the tool again with "
        "exactly the same arguments; the approval is valid for one hour."
    ),
    "declined": "An admin declined this call. Nothing was done. Do not repeat it.",
    "too_many": (
        "An admin must approve this call, and too many calls of this organisation wait for an "
        "answer. Nothing was done. Try again once the admins have answered some of them."
    ),
}
_REASONS: dict[ApprovalState, str] = {
    "waiting": "approval_waiting",
    "declined": "approval_declined",
    "too_many": "too_many_approvals",
}

log = structlog.get_logger()


def require_approval(ask_for_approval: AskForApproval) -> Step:
    """Make the calls that need an approval wait for it, and refuse them without.

    A client that can ask its person shows that the admins were asked; the call goes on when the person
    answers and an admin has approved it by then.

    Raises:
        InputRequired: the person's answer will arrive with a later request.
    """

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        if not needs_approval(call.found, call.caller):
            return go_on(call)
        return _wait(call, go_on, ask_for_approval)

    return step


async def _wait(call: ToolCall, go_on: Next, ask_for_approval: AskForApproval) -> ToolResult:
    try:
        asked = describe_for_approval(call.found, call.arguments, call.caller)
        state = await ask_for_approval(asked)
        if state == "waiting" and await _tell_person(call):
            state = await ask_for_approval(asked)
    except TooLongToConfirm as problem:
        return tool_error(str(problem), reason="too_long_to_confirm")
    except ApprovalUnknown as problem:
        log.warning("approval_unknown", reason=str(problem))
        return tool_error(
            "An admin must approve this call, and the gateway can't find out at the moment whether "
            "one did. Nothing was done. Try again in a minute.",
            reason="approval_unknown",
            decision="failed",
        )
    if state == "approved":
        return await go_on(call)
    return tool_error(_TOLD[state], reason=_REASONS[state])


async def _tell_person(call: ToolCall) -> bool:
    """Tell the person that the admins were asked; return whether they let the call go on."""
    text = (
        f"An admin of your organisation must approve this call: {call.found.asked_title}. The admins were "
        "asked by mail. Continue once one of them has approved it."
    )
    asked = ask_to_wait(text)
    try:
        call.conversation.require_capability(ELICITATION)
        read_form((await call.conversation.ask([asked]))[asked.key])
    except (CannotAsk, NobodyAnswered, Declined, BadAnswer):
        return False
    return True
