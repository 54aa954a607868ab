"""Approvals by an admin of the tenant: which calls need one, and how they are asked for."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from gatepost.approvals import ApprovableCall, ApprovalState
from gatepost.claims import AccessClaims
from mcp_gateway.catalogue.catalogue import fingerprint
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.elicitation.ask import show_arguments


class ApprovalUnknown(Exception):
    """Whether a call is approved can't be found out at the moment; the message is for the log."""


AskForApproval = Callable[[ApprovableCall], Awaitable[ApprovalState]]
"""Tells whether a call is approved, and asks the admins if nobody did yet; raises `ApprovalUnknown`."""


def needs_approval(tool: Tool, caller: AccessClaims) -> bool:
    """Tell whether the manifest or the caller's tenant wants an admin to approve calls of a tool."""
    if tool.approval:
        return True
    rule = caller.approval
    return rule != "none" and (tool.destructive or (rule == "changes" and not tool.read_only))


def describe_for_approval(
    tool: Tool, arguments: Mapping[str, Any], caller: AccessClaims
) -> ApprovableCall:
    """Describe a call as an admin is shown it.

    Raises:
        TooLongToConfirm: a person can't check so much.
    """
    exact = orjson.dumps([fingerprint(tool), arguments], option=orjson.OPT_SORT_KEYS)
    return ApprovableCall(
        tenant_id=caller.tenant_id,
        sub=caller.sub,
        client_id=caller.client_id,
        grant_id=caller.grant_id,
        tool=tool.name,
        title=tool.asked_title[:200],
        arguments=tuple(show_arguments(arguments)),
        digest=hashlib.sha256(exact).hexdigest(),
        actors=caller.actors,
    )
