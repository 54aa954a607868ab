"""The one place where an entitlement shrinks to what the tenant and the member's data allow now."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auth_server.entitlements.entitlement import Entitlement
from auth_server.entitlements.narrow_to_reading import narrow_to_reading
from auth_server.records.tenants.policy import TenantPolicy
from gatepost.catalogue import CatalogueDocument
from gatepost.data_scope import DataScope, narrow_data_scope
from gatepost.scopes import OFFLINE_ACCESS

_SHORTEST_LIFE = timedelta(seconds=1)  # of an access token


class NothingLeft(Exception):
    """Nothing of the entitlement holds any more; the message says why, for the log."""


class ClientNotAdmitted(NothingLeft):
    """The tenant does not allow the client."""


class NothingReadable(NothingLeft):
    """The tenant allows reading only, and no tool of the entitlement only reads."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an entitlement has to stay within now, as the issuer of its tokens knows it.

    `data_scope`: the member's; unrestricted where the tokens are no person's. `allowed_at`: when a
    person allowed it, from which the policy's `longest_grant` counts; None where no person did.
    `catalogue`: needed where the policy is `read_only`. `any_client`: do not ask the policy which
    clients it allows.
    """

    policy: TenantPolicy
    data_scope: DataScope
    allowed_at: datetime | None
    catalogue: CatalogueDocument | None
    any_client: bool = False


def narrow(allowed: Entitlement, bounds: Bounds, *, now: datetime) -> Entitlement:
    """Work out what is left of an entitlement: never more than was allowed.

    Args:
        allowed: what was allowed once, by a person or an operator.
        bounds: what it has to stay within now.
        now: the time.

    Raises:
        ClientNotAdmitted: by the tenant's policy.
        NothingReadable: by the tenant's policy.
        NothingLeft: its time is over, or it has no data in common with the member's.
    """
    policy = bounds.policy
    if not bounds.any_client and not policy.admits(allowed.client_id):
        raise ClientNotAdmitted("client forbidden by the tenant")
    latest = None if bounds.allowed_at is None else policy.latest_end(bounds.allowed_at)
    ends_at = min((end for end in (allowed.ends_at, latest) if end is not None), default=None)
    if ends_at is not None and ends_at - now < _SHORTEST_LIFE:
        raise NothingLeft("expired")
    data_scope = narrow_data_scope(bounds.data_scope, allowed.data_scope)
    if data_scope is None:
        raise NothingLeft("no data in common any more")
    scopes, tools = allowed.scopes - {OFFLINE_ACCESS}, allowed.tools
    if policy.read_only:
        scopes, tools = narrow_to_reading(scopes, tools, bounds.catalogue)
        if not tools:
            raise NothingReadable("the tenant allows reading only")
    return replace(allowed, scopes=scopes, tools=tools, data_scope=data_scope, ends_at=ends_at)
