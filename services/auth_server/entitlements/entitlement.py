"""The entitlement from which access tokens are issued."""

from datetime import datetime
from typing import NamedTuple

from auth_server.entitlements.step_up import StepUp
from gatepost.api_keys import Env
from gatepost.approvals import ApprovalRule
from gatepost.data_scope import DataScope


class Entitlement(NamedTuple):
    """The claims of an access token, except for its id and times.

    No token may outlive `ends_at`, if it is set. `step_up` is set if a person can be asked for more.
    `actors` are the sub-agents that act for the client, the current one first.
    """

    grant_id: str
    grant_version: int
    person_id: str
    client_id: str
    tenant_id: str
    resource: str
    scopes: frozenset[str]
    tools: frozenset[str]
    data_scope: DataScope
    rate_limit_tier: str
    env: Env = "live"
    ends_at: datetime | None = None
    step_up: StepUp | None = None
    approval: ApprovalRule = "none"
    actors: tuple[str, ...] = ()
