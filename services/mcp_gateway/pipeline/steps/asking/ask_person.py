"""Ask for missing arguments and for confirmation before anything is sent."""

from collections.abc import Awaitable

from mcp_gateway.catalogue.catalogue import fingerprint
from mcp_gateway.elicitation.approvals import needs_approval
from mcp_gateway.elicitation.ask import (
    ELICITATION,
    BadAnswer,
    Declined,
    TooLongToConfirm,
    ask_confirmation,
    ask_question,
    read_form,
    read_values,
)
from mcp_gateway.elicitation.policy import ConfirmationPolicy
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.conversation import CannotAsk, NobodyAnswered
from mcp_gateway.pipeline.refuse_arguments import refuse_arguments
from mcp_gateway.settings import Confirmation


def ask_person(policy: ConfirmationPolicy) -> Step:
    """Ask the manifest's questions for missing arguments, then for confirmation.

    A tool needs confirmation if the manifest says so; a destructive tool also if the tenant's policy
    does. A call that an admin must approve needs no confirmation besides.

    Raises:
        CannotAsk: the client does not support the questions.
        NobodyAnswered: no usable answer arrived.
        InputRequired: the answers will arrive with a later request.
    """

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        tool = call.found
        if not tool.inputs and tool.confirm is None and not tool.destructive:
            return go_on(call)
        return _ask(call, go_on, policy)

    return step


async def _ask(call: ToolCall, go_on: Next, policy: ConfirmationPolicy) -> ToolResult:
    tool = call.found
    try:
        if tool.inputs:
            call = await _ask_for_missing(call)
            if problems := tool.validate_all(call.arguments):
                return refuse_arguments(problems, tool.input_schema.get("properties", ()))
        if needs_approval(tool, call.caller):
            pass  # an admin is shown the same call
        elif tool.confirm is not None:
            await _confirm(call, tool.confirm)
        elif tool.destructive:
            await _confirm_by_policy(call, policy.of(call.caller.tenant_id))
    except Declined as no:
        return tool_error(str(no), reason="declined")
    except TooLongToConfirm as problem:
        return tool_error(str(problem), reason="too_long_to_confirm")
    except BadAnswer as problem:
        raise NobodyAnswered(f"The client's answer {problem}.") from None
    return await go_on(call)


async def _confirm(call: ToolCall, question: str) -> None:
    call.conversation.require_capability(ELICITATION)
    asked = ask_confirmation(question, call.arguments, tool=fingerprint(call.found))
    answers = await call.conversation.ask([asked])
    read_form(answers[asked.key])


async def _confirm_by_policy(call: ToolCall, wanted: Confirmation) -> None:
    if wanted == "never":
        return
    try:
        await _confirm(call, f"Allow this: {call.found.asked_title}?")
    except CannotAsk:
        if wanted == "always":
            raise


async def _ask_for_missing(call: ToolCall) -> ToolCall:
    arguments = dict(call.arguments)
    for questions in call.found.inputs:
        missing = [q for q in questions if any(name not in arguments for name in q.arguments)]
        if missing:
            answers = await call.conversation.ask([ask_question(q, arguments) for q in missing])
            for question in missing:
                values = read_values(question, answers[question.key])
                arguments = {**values, **arguments}
    return call._replace(arguments=arguments)
