"""What redeeming a code or a refresh token is decided by, as it stood when it was read."""

from dataclasses import dataclass
from datetime import datetime

from auth_server.records.tenants.policy import TenantPolicy
from gatepost.catalogue import CatalogueDocument


@dataclass(frozen=True, slots=True)
class MembershipFacts:
    """The person's place in the tenant: their data scope there, its plan, its rules for agents."""

    data_scope: str
    rate_limit_tier: str
    policy: TenantPolicy


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """A grant that was not revoked, and how what it stands on is doing.

    `membership`: None where the person is not a member any more. `catalogue`: the tool list that the person
    was shown, read only where the tenant's policy needs it.
    """

    grant_id: str
    version: int
    person_id: str
    client_id: str
    tenant_id: str
    resource: str
    scope: str
    tools: tuple[str, ...]
    data_scope: str
    approved_at: datetime
    expires_at: datetime
    client_enabled: bool
    person_enabled: bool
    membership: MembershipFacts | None
    catalogue: CatalogueDocument | None


@dataclass(frozen=True, slots=True)
class RefreshFacts:
    """A refresh token as it stands now, used, expired and revoked ones too."""

    family_id: str
    client_id: str
    resource: str
    scope: str
    idle_expires_at: datetime
    absolute_expires_at: datetime
    first_used_at: datetime | None
    revoked_at: datetime | None
    grant: GrantFacts | None


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """An authorization code as it stands now, redeemed and expired ones too."""

    family_id: str
    grant_id: str
    client_id: str
    redirect_uri: str
    resource: str
    scope: str
    code_challenge: str
    expires_at: datetime
    redeemed_at: datetime | None
    grant: GrantFacts | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A refresh token to be stored: the first of a family, or the successor of another."""

    token_hash: str
    idle_expires_at: datetime
    absolute_expires_at: datetime
