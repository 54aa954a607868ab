"""The words for what happened to a call."""

from collections.abc import Mapping

from auth_server.rendering.translation import translatable

OUTCOMES: Mapping[str, str] = {
    "success": translatable("Success"),
    "error": translatable("Error"),
    "refused": translatable("Refused"),
    "unknown": translatable("Unknown"),
}
"""The title of each outcome of a call event."""

REASONS: Mapping[str, str] = {
    "answer_refused": translatable("The person's answer was for another call, too late or changed"),
    "bound_argument_given": translatable("The app sent an argument that the gateway fills in"),
    "breaker_open": translatable("The API failed repeatedly and is paused"),
    "cancelled": translatable("The app left before the answer"),
    "cannot_ask": translatable("The app can't ask its person to confirm"),
    "claim_missing": translatable("The token lacks a value that the tool requires"),
    "connection_ended": translatable("The connection was ended during the call"),
    "deadline": translatable("The API didn't answer in time"),
    "declined": translatable("The person declined"),
    "foreign_record": translatable("The answer may contain another organisation's data"),
    "former_name": translatable("The app used a former name of the tool after its last day"),
    "gateway_error": translatable("The gateway failed"),
    "graphql_error": translatable("The API answered with an error"),
    "input_required": translatable("The person was asked to confirm"),
    "instructions": translatable("The answer contains text that reads like instructions"),
    "insufficient_scope": translatable("The access doesn't include this tool"),
    "invalid_arguments": translatable("The arguments were invalid"),
    "job_cancelled": translatable("Somebody ended the job that the call began"),
    "job_failed": translatable("The job that the call began failed"),
    "mcp_error": translatable("The API answered with an error"),
    "unknown_outcome": translatable("The gateway stopped during the call"),
    "no_credential": translatable("The gateway has no credential for the API"),
    "no_place": translatable("The API had too many calls at once"),
    "not_linked": translatable("The person has not linked their account at the API"),
    "not_answered": translatable("Nobody answered the question"),
    "path_missing": translatable("An answer did not have a value that the next call needs"),
    "quota_exhausted": translatable("The quota or budget is used up"),
    "rate_limited": translatable("Too many calls a minute"),
    "refused": translatable("The gateway refused the call"),
    "too_large": translatable("The answer is too large"),
    "approval_waiting": translatable("An admin must approve the call"),
    "approval_declined": translatable("An admin declined the call"),
    "approval_unknown": translatable("The authorization server did not say whether it is approved"),
    "too_many_approvals": translatable("Too many calls wait for an admin"),
    "too_long_to_confirm": translatable("The arguments are too long to show to a person"),
    "too_many_items": translatable("A list was too long for calls with each of its items"),
    "too_slow": translatable("The time was over before the last of several calls"),
    "too_many_at_once": translatable("The organisation had too many calls at once"),
    "uncountable": translatable("The gateway couldn't count the call"),
    "unknown_tool": translatable(
        "The tool doesn't exist, or the organisation or person hasn't allowed it"
    ),
    "unreachable": translatable("The API couldn't be reached"),
    "unreadable": translatable("The API's answer couldn't be read"),
    "unserialisable": translatable("The arguments don't fit the API's request"),
    "unshapeable": translatable("The answer has an unexpected form"),
    "unwritable": translatable("The request to the API couldn't be written"),
    "upstream_status": translatable("The API answered with an error"),
}
"""The words for each `reason` of a call event; docs/call-events.md describes the outcomes."""


def explain(reason: str) -> str:
    """Return the words for a reason, or the reason itself if a newer gateway invented it."""
    return REASONS.get(reason, reason)
