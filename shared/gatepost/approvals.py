"""Calls that an admin of the tenant must approve: what a gateway asks, and what it is told."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

APPROVALS_PATH = "/internal/approvals"
"""The path at which gateways ask for an approval: JSON with `call` and the two members that
authenticate at `/token`."""

ApprovalRule = Literal["none", "destructive", "changes"]
"""Which calls an admin must approve: only those of tools whose manifest says so, also those of
destructive tools, or those of every tool that changes something."""
APPROVAL_RULES: tuple[ApprovalRule, ...] = ("none", "destructive", "changes")


def parse_approval_rule(value: object) -> ApprovalRule | None:
    """Return the rule of that name, or None if there is none."""
    return next((rule for rule in APPROVAL_RULES if rule == value), None)


ApprovalState = Literal["waiting", "approved", "declined", "too_many"]
"""`approved` is told once for each approval, to the call that may then be made."""

_Id = Annotated[str, Field(min_length=1, max_length=1024)]
_Actor = Annotated[str, Field(min_length=1, max_length=1100)]


class ApprovableCall(BaseModel):
    """A call that waits for an approval, as an admin is shown it."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    tenant_id: Annotated[str, Field(min_length=1, max_length=255)]
    sub: Annotated[str, Field(max_length=255)]
    client_id: _Id
    grant_id: Annotated[str, Field(max_length=64)]
    tool: Annotated[str, Field(min_length=1, max_length=128)]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: Annotated[tuple[str, ...], Field(max_length=10_000)]
    """Each argument on one line, `name: value`, without characters that a person would not see."""
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """The SHA-256 of the tool as it is served and of the exact arguments."""
    actors: Annotated[tuple[_Actor, ...], Field(max_length=3)] = ()
    """The sub-agents that act for the client, the current one first, as claims name them."""


class ApprovalAnswer(BaseModel):
    """What the authorization server tells a gateway about a call."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: ApprovalState
