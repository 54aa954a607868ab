"""The values that decide whether a code or a refresh token can be redeemed."""

from dataclasses import dataclass
from datetime import datetime

from auth_server.records.catalogues.names import Apis, Taken
from auth_server.records.tenants.policy import TenantPolicy
from gatepost.catalogue import CatalogueDocument


@dataclass(frozen=True, slots=True)
class MembershipFacts:
    """A person's membership in a tenant: their data scope, and the tenant's tier, policy and provider.

    `own_provider` is the provider that an operator assigned to the tenant; with `provider_only`,
    members act for the tenant only in its sessions.
    """

    data_scope: str
    rate_limit_tier: str
    policy: TenantPolicy
    own_provider: str | None = None
    provider_only: bool = False


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """A grant that is not revoked, with the state of everything on which it depends.

    `provider` is the customer's own provider whose session approved it.
    `membership` is None if the person is no longer a member. `catalogue` is the newest
    version, read only if the tenant's policy needs it: tools may have changed since the consent.
    `taken` has the names that other APIs took.
    """

    grant_id: str
    version: int
    person_id: str
    client_id: str
    tenant_id: str
    resource: str
    scope: str
    asked_scope: str
    tools: tuple[str, ...]
    apis: Apis
    taken: Taken
    data_scope: str
    redirect_host: str
    provider: str | None
    approved_at: datetime
    expires_at: datetime
    client_enabled: bool
    person_enabled: bool
    membership: MembershipFacts | None
    catalogue: CatalogueDocument | None


@dataclass(frozen=True, slots=True)
class RefreshFacts:
    """The current state of a refresh token, which may be used, expired or revoked."""

    family_id: str
    client_id: str
    resource: str
    scope: str
    idle_expires_at: datetime
    absolute_expires_at: datetime
    first_used_at: datetime | None
    revoked_at: datetime | None
    bound_to: str | None
    grant: GrantFacts | None


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """The current state of an authorization code, which may be redeemed or expired."""

    family_id: str
    grant_id: str
    client_id: str
    redirect_uri: str
    resource: str
    scope: str
    code_challenge: str
    dpop_jkt: str | None
    expires_at: datetime
    redeemed_at: datetime | None
    grant: GrantFacts | None


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """The current state of a device authorization, which may be unanswered, denied, redeemed or expired."""

    family_id: str
    grant_id: str | None
    client_id: str
    resource: str
    scope: str
    poll_interval: int
    expires_at: datetime
    answered_at: datetime | None
    redeemed_at: datetime | None
    grant: GrantFacts | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A refresh token to store: the first of a family, or the successor of another.

    `bound_to` is the key that its user must prove to have: a `Confirmation`.
    """

    token_hash: str
    idle_expires_at: datetime
    absolute_expires_at: datetime
    bound_to: str | None = None
