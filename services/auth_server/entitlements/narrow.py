"""Narrow entitlements to the tenant's current policy and the member's current data."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.entitlements.entitlement import Entitlement
from auth_server.entitlements.narrow_to_reading import narrow_to_reading
from auth_server.records.tenants.policy import TenantPolicy
from gatepost.catalogue import CatalogueDocument
from gatepost.data_scope import DataScope, narrow_data_scope
from gatepost.scopes import IDENTITY, OFFLINE_ACCESS

_SHORTEST_LIFE = timedelta(seconds=1)  # of an access token


class NothingLeft(Exception):
    """The entitlement no longer allows anything; the message is for the logs."""


class ClientNotAdmitted(NothingLeft):
    """The tenant does not allow the client."""


class ProviderMissing(NothingLeft):
    """The session that allowed the entitlement was not one of the tenant's own provider."""


class NothingReadable(NothingLeft):
    """The tenant allows reading only, and no tool of the entitlement only reads."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The current limits of an entitlement.

    `data_scope` is the member's, or unrestricted for tokens without a person. `allowed_at` is when
    a person approved, from which the policy's `longest_grant` counts, or None without a person.
    `catalogue` is needed if the policy is `read_only`. `any_client` skips the policy's list of
    clients. `redirect_host` is where the client's code went.

    `provider` is the customer's own provider that began the session in which a person allowed the
    entitlement, or None. `own_provider` is the one that the tenant has now. With `provider_only`,
    people allow entitlements in the sessions of that provider only.
    """

    policy: TenantPolicy
    data_scope: DataScope
    allowed_at: datetime | None
    catalogue: CatalogueDocument | None
    any_client: bool = False
    redirect_host: str = ""
    provider: str | None = None
    own_provider: str | None = None
    provider_only: bool = False


def narrow(allowed: Entitlement, bounds: Bounds, *, now: datetime) -> Entitlement:
    """Narrow an entitlement to its current limits.

    Args:
        allowed: the entitlement that a person or an operator allowed.
        bounds: its current limits.
        now: the time.

    Raises:
        ClientNotAdmitted: the tenant's policy does not allow the client.
        ProviderMissing: the provider that signed the person in is no longer the tenant's, or the
            tenant requires its own provider and the person signed in another way.
        NothingReadable: the tenant's policy allows reading only, and no tool only reads.
        NothingLeft: the entitlement has expired, or shares no data with the member's.
    """
    policy = bounds.policy
    if not bounds.any_client and not policy.admits(allowed.client_id, bounds.redirect_host):
        raise ClientNotAdmitted("client forbidden by the tenant")
    if bounds.provider is not None and bounds.provider != bounds.own_provider:
        raise ProviderMissing("the provider of the sign-in is no longer the tenant's")
    if bounds.provider_only and bounds.provider is None:
        raise ProviderMissing("the tenant requires its own provider")
    latest = None if bounds.allowed_at is None else policy.latest_end(bounds.allowed_at)
    ends_at = min((end for end in (allowed.ends_at, latest) if end is not None), default=None)
    if ends_at is not None and ends_at - now < _SHORTEST_LIFE:
        raise NothingLeft("expired")
    if policy.longest_token is not None:
        token_ends_at = now + policy.longest_token
        ends_at = token_ends_at if ends_at is None else min(ends_at, token_ends_at)
    data_scope = narrow_data_scope(bounds.data_scope, allowed.data_scope)
    if data_scope is None:
        raise NothingLeft("no common data is left")
    scopes, tools = allowed.scopes - {OFFLINE_ACCESS}, allowed.tools
    if policy.read_only:
        reading, tools = narrow_to_reading(scopes, tools, bounds.catalogue)
        scopes = reading | (scopes & IDENTITY)
        if not tools:
            raise NothingReadable("the tenant allows reading only")
    return allowed._replace(
        scopes=scopes,
        tools=tools,
        data_scope=data_scope,
        ends_at=ends_at,
        approval=policy.approval,
    )
