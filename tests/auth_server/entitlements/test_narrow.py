from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.entitlements.entitlement import Entitlement
from auth_server.entitlements.narrow import (
    Bounds,
    ClientNotAdmitted,
    NothingLeft,
    NothingReadable,
    narrow,
)
from auth_server.records.tenants.policy import TenantPolicy
from gatepost.data_scope import DataScope, contains, parse_data_scope

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ALLOWED = Entitlement(
    grant_id="grant",
    grant_version=3,
    person_id="usr_ada",
    client_id="app",
    tenant_id="org_acme",
    resource="https://mcp.example",
    scopes=frozenset({"mcp:read", "mcp:write", "offline_access"}),
    tools=frozenset({"list_tasks", "create_task"}),
    data_scope=parse_data_scope("team:red team:blue"),
    rate_limit_tier="standard",
    ends_at=NOW + timedelta(days=30),
)
BOUNDS = Bounds(
    policy=TenantPolicy(),
    data_scope=DataScope(),
    allowed_at=NOW - timedelta(days=1),
    catalogue=None,
)
data_scopes = st.sets(
    st.sampled_from(["team:red", "team:blue", "team:green", "region:eu", "region:us"])
).map(lambda entries: parse_data_scope(" ".join(entries)))


@given(data_scopes, data_scopes)
def test_data_stays_within_the_consent_and_the_membership(
    allowed: DataScope, member: DataScope
) -> None:
    bounds = replace(BOUNDS, data_scope=member)
    try:
        left = narrow(ALLOWED._replace(data_scope=allowed), bounds, now=NOW)
    except NothingLeft:
        return
    assert contains(allowed, left.data_scope) and contains(member, left.data_scope)


def test_the_earlier_end_counts() -> None:
    policy = TenantPolicy(longest_grant=timedelta(days=2))
    assert narrow(ALLOWED, BOUNDS, now=NOW).ends_at == ALLOWED.ends_at
    left = narrow(ALLOWED, replace(BOUNDS, policy=policy), now=NOW)
    assert left.ends_at == NOW + timedelta(days=1)
    # An operator's permission is not a consent, from which `longest_grant` could count.
    bounds = replace(BOUNDS, policy=policy, allowed_at=None)
    assert narrow(ALLOWED._replace(ends_at=None), bounds, now=NOW).ends_at is None


def test_nothing_is_left_in_the_last_second() -> None:
    """A token would have expired when it is issued."""
    with pytest.raises(NothingLeft, match="expired"):
        narrow(ALLOWED, BOUNDS, now=NOW + timedelta(days=30, milliseconds=-1))


def test_the_tenants_list_of_clients_is_asked_unless_the_issuer_says_otherwise() -> None:
    bounds = replace(BOUNDS, policy=TenantPolicy(allowed_clients=("other",)))
    with pytest.raises(ClientNotAdmitted):
        narrow(ALLOWED, bounds, now=NOW)
    assert narrow(ALLOWED, replace(bounds, any_client=True), now=NOW).tools == ALLOWED.tools


def test_offline_access_is_never_in_an_access_token() -> None:
    assert narrow(ALLOWED, BOUNDS, now=NOW).scopes == {"mcp:read", "mcp:write"}


def test_read_only_leaves_nothing_without_a_catalogue() -> None:
    with pytest.raises(NothingReadable):
        narrow(ALLOWED, replace(BOUNDS, policy=TenantPolicy(read_only=True)), now=NOW)
