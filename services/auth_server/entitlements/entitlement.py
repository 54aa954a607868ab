"""What an access token says about its bearer."""

from dataclasses import dataclass
from datetime import datetime

from gatepost.api_keys import Env
from gatepost.data_scope import DataScope


@dataclass(frozen=True, slots=True)
class Entitlement:
    """Everything an access token says about its bearer, but for its own id and times.

    No token of it lives beyond `ends_at`, where that is given.
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
