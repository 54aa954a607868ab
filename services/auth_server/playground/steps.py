"""The steps of a call in words, by the name that a trace gives them."""

from collections.abc import Mapping

from auth_server.rendering.translation import translatable

STEPS: Mapping[str, str] = {
    "unwrap_execute": translatable("Is it a call through execute_tool?"),
    "record_call": translatable("Record the call"),
    "limit_refused_calls": translatable("Were too many calls refused?"),
    "answer_meta_tools": translatable("Is it a search for tools?"),
    "find_tool": translatable("Does the tool exist?"),
    "authorize": translatable("Does the connection allow the tool?"),
    "validate_arguments": translatable("Are the arguments valid?"),
    "ask_person": translatable("Does the person have to confirm?"),
    "bind_claims": translatable("Fill in the person, the organisation and the data"),
    "require_approval": translatable("Must an admin approve it?"),
    "report_progress": translatable("Report progress"),
    "limit_concurrency": translatable("Are too many calls of the tool running?"),
    "reserve_call": translatable("Does the plan allow another call?"),
    "guard_upstream": translatable("Is the API healthy?"),
    "call_upstream": translatable("Call the API"),
    "check_response": translatable("Does the answer belong to the organisation?"),
    "shape_result": translatable("Shape the answer for the model"),
}
