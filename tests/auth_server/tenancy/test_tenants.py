"""Tenants: their admins' decisions apply at once, even to issued tokens."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from auth_server.maintenance import maintain
from auth_server.records.audit.table import AuditEntry
from auth_server.records.grants.table import Grant
from auth_server.records.revocations.table import RevocationRow
from auth_server.records.tenants.policy import UnusablePolicy, require_policy
from auth_server.records.tenants.table import Membership, Tenant
from auth_server.tenancy.change_membership import remove_membership, set_membership
from auth_server.tenancy.change_policy import ChangeRefused, change_policy
from gatepost.data_scope import parse_data_scope
from support.in_process.auth_server import CATALOGUE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient
from support.in_process.operator import add
from support.in_process.revocations import GATEWAY, ask_in_process, following

ADA, BO = "usr_ada", "usr_bo"


async def decide(
    server: AuthServer, tenant_id: str = "org_acme", *, by: str | None = ADA, **changes: Any
) -> None:
    """Change a part of a tenant's policy."""
    async with server.opened.transaction() as db:
        tenant = await db.get(Tenant, tenant_id)
        assert tenant is not None
        policy = replace(tenant.policy, **changes)
        lifetime = server.settings.access_token_lifetime
        await change_policy(db, tenant_id, policy, by=by, lifetime=lifetime, now=server.clock())
    server.clock.advance(seconds=1)


async def seat(
    server: AuthServer,
    person_id: str,
    tenant_id: str = "org_acme",
    *,
    role: str = "member",
    data_scope: str = "",
    by: str | None = ADA,
) -> None:
    """Give a person a membership."""
    async with server.opened.transaction() as db:
        await set_membership(
            db,
            person_id,
            tenant_id,
            role=role,
            data_scope=parse_data_scope(data_scope),
            by=by,
            lifetime=server.settings.access_token_lifetime,
            now=server.clock(),
        )
    server.clock.advance(seconds=1)


async def remove(
    server: AuthServer, person_id: str, tenant_id: str = "org_acme", *, by: str | None = ADA
) -> None:
    """Remove the membership."""
    lifetime, now = server.settings.access_token_lifetime, server.clock()
    async with server.opened.transaction() as db:
        await remove_membership(db, person_id, tenant_id, by=by, lifetime=lifetime, now=now)


async def refreshed(client: OAuthClient, tokens: dict[str, Any]) -> dict[str, Any]:
    """Refresh; return the body."""
    body: dict[str, Any] = (await client.refresh(tokens["refresh_token"])).json()
    return body


# --- read only ------------------------------------------------------------------------------------


async def test_a_connection_narrows_to_reading_and_returns_to_the_persons_consent(
    auth_server: AuthServer, read_token: Any
) -> None:
    """A153: the policy is read again at every refresh."""
    client = await auth_server.client()
    tokens = await client.connect(auth_server.person())

    await decide(auth_server, read_only=True)
    shrunk = await refreshed(client, tokens)
    await decide(auth_server, read_only=False)
    grown = await refreshed(client, shrunk)

    before, less, after = [
        await read_token(auth_server, each["access_token"]) for each in (tokens, shrunk, grown)
    ]
    assert (before["scope"], less["scope"]) == ("mcp:read mcp:write", "mcp:read")
    assert shrunk["scope"] == "mcp:read"
    assert less["allowed_tools"] == ["list_projects", "list_tasks"]
    assert after["allowed_tools"] == before["allowed_tools"]


async def test_a_tool_that_changes_things_since_the_consent_is_lost_where_reading_is_all(
    auth_server: AuthServer, read_token: Any
) -> None:
    """A153: at the next refresh, and tokens that still name it end at once."""
    client = await auth_server.client()
    tokens = await client.connect(auth_server.person())
    await decide(auth_server, read_only=True)
    before = await refreshed(client, tokens)
    changed = tuple(
        tool.model_copy(update={"read_only": False, "destructive": True})
        if tool.name == "list_tasks"
        else tool
        for tool in CATALOGUE.tools
    )
    auth_server.catalogue = CATALOGUE.model_copy(update={"hash": "1" * 64, "tools": changed})
    auth_server.clock.advance(minutes=1)
    await maintain(auth_server.opened)
    async with auth_server.opened.database.reading() as db:
        rows = (await db.execute(select(RevocationRow))).scalars()
        outdated = [row.key for row in rows if row.created_at == auth_server.clock()]
    after = await refreshed(client, before)

    had, has = [
        (await read_token(auth_server, each["access_token"]))["allowed_tools"]
        for each in (before, after)
    ]
    assert (had, has) == (["list_projects", "list_tasks"], ["list_projects"])
    assert outdated == ["org_acme"]


async def test_a_code_gives_at_most_the_access_of_the_policy_at_redemption(
    auth_server: AuthServer, read_token: Any
) -> None:
    """A48, A153: between consent and redemption an admin may have decided."""
    client, person = await auth_server.client(), auth_server.person()
    url = await person.approve(client.authorize_url())
    await decide(auth_server, read_only=True)

    tokens = (await client.redeem(url.partition("code=")[2].partition("&")[0])).json()

    claims = await read_token(auth_server, tokens["access_token"])
    assert (claims["scope"], len(claims["allowed_tools"])) == ("mcp:read", 2)


async def test_a_write_only_connection_loses_all_access_in_a_read_only_tenant(
    auth_server: AuthServer,
) -> None:
    """An absent or empty list allows no tools, and no token has one."""
    client = await auth_server.client()
    untick = ["list_projects", "list_tasks"]
    tokens = await client.connect(auth_server.person(), untick=untick)

    await decide(auth_server, read_only=True)
    refused = await client.refresh(tokens["refresh_token"])

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


# --- clients --------------------------------------------------------------------------------------


@pytest.mark.both_databases
async def test_connections_of_a_client_that_is_no_longer_allowed_end_and_others_stay(
    auth_server: AuthServer,
) -> None:
    """The admin's list decides about connections that are there already."""
    kept, dropped = await auth_server.client(), await auth_server.client()
    person = auth_server.person()
    good, bad = await kept.connect(person), await dropped.connect(person)
    elsewhere = await dropped.connect(person, tenant="Globex")

    await decide(auth_server, allowed_clients=(kept.client_id,))

    assert (await kept.refresh(good["refresh_token"])).status_code == 200
    refused = await dropped.refresh(bad["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await dropped.refresh(elsewhere["refresh_token"])).status_code == 200
    # It ended, and allowing the client again does not restore it.
    await decide(auth_server, allowed_clients=None)
    assert (await dropped.refresh(bad["refresh_token"])).status_code == 400


async def test_a_forbidden_clients_refresh_ends_its_grant_however_the_policy_came_about_a87(
    auth_server: AuthServer, change_row: Any
) -> None:
    """Direct changes of a row count, too."""
    client = await auth_server.client()
    tokens = await connect_without_pages(auth_server, client)
    await change_row(auth_server, Tenant, "org_acme", allowed_clients=["claude.ai"])

    refused = await client.refresh(tokens["refresh_token"])

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    async with auth_server.opened.database.reading() as db:
        grant = (await db.execute(select(Grant))).scalar_one()
    assert grant.revoked_reason == "not allowed by the tenant"
    await change_row(auth_server, Tenant, "org_acme", allowed_clients=None)
    assert (await client.refresh(tokens["refresh_token"])).status_code == 400


@pytest.mark.parametrize(
    ("allowed", "client_id", "admitted"),
    [
        (None, "client_x", True),
        ((), "client_x", False),
        (("client_x",), "client_x", True),
        (("client_x",), "client_x2", False),
        (("claude.ai",), "https://claude.ai/oauth/metadata", True),
        (("claude.ai",), "https://claude.ai.evil.example/oauth/metadata", False),
        (("claude.ai",), "https://evil.example/claude.ai", False),
        (("claude.ai",), "https://claude.ai:8443/oauth/metadata", False),
        (("claude.ai",), "https://claude.ai@evil.example/x", False),
        (("claude.ai",), "http://claude.ai/x", False),
    ],
)
def test_a_listed_host_vouches_only_for_clients_with_a_document_there_a45(
    allowed: tuple[str, ...] | None, client_id: str, admitted: bool
) -> None:
    policy = require_policy(
        required_level=1, allowed_clients=allowed, read_only=False, longest_grant=None
    )
    assert policy.admits(client_id) is admitted


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"allowed_clients": ["a b"]}, "allowed_clients"),
        ({"allowed_clients": ["x" * 1025]}, "allowed_clients"),
        ({"allowed_clients": [str(n) for n in range(201)]}, "allowed_clients"),
        ({"longest_grant": timedelta(minutes=59)}, "longest_grant"),
        ({"longest_token": timedelta(seconds=59)}, "longest_token"),
        ({"required_level": 3}, "required_level"),
    ],
)
def test_a_policy_that_can_not_be_is_refused_by_the_fields_name(
    changes: dict[str, Any], named: str
) -> None:
    whole: dict[str, Any] = {
        "required_level": 1,
        "allowed_clients": None,
        "read_only": False,
        "longest_grant": None,
    }
    with pytest.raises(UnusablePolicy, match=named):
        require_policy(**{**whole, **changes})


# --- the longest grant ----------------------------------------------------------------------------


@pytest.mark.both_databases
async def test_no_connection_outlives_the_longest_grant_of_its_tenant(
    auth_server: AuthServer, read_token: Any
) -> None:
    """Its last access token ends with it, not ten minutes later."""
    client = await auth_server.client()
    tokens = await connect_without_pages(auth_server, client)
    began = auth_server.clock()
    await decide(auth_server, longest_grant=timedelta(days=7))

    auth_server.clock.advance(seconds=7 * 86400 - 61)
    last = await refreshed(client, tokens)
    claims = await read_token(auth_server, last["access_token"])
    auth_server.clock.advance(seconds=61)
    refused = await client.refresh(last["refresh_token"])

    assert claims["exp"] == int((began + timedelta(days=7)).timestamp())
    assert last["expires_in"] == claims["exp"] - claims["iat"] < 600
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


@pytest.mark.both_databases
async def test_tokens_live_as_long_as_the_settings_say_and_no_longer_than_the_tenant_says(
    database_url: str, clock: Clock
) -> None:
    """What is revoked stays revoked for as long as the longest token lives."""
    day = timedelta(hours=24)
    async with running_auth_server(database_url, clock, access_token_lifetime=day) as server:
        client = await server.client()
        tokens = await connect_without_pages(server, client)
        await decide(server, longest_token=timedelta(hours=1))
        shorter = await refreshed(client, tokens)
        async with server.opened.database.reading() as db:
            (outdated,) = (await db.execute(select(RevocationRow))).scalars()

    assert (tokens["expires_in"], shorter["expires_in"]) == (86400, 3600)
    assert outdated.expires_at - outdated.created_at >= day


@pytest.mark.both_databases
async def test_a_connection_whose_time_is_over_is_ended_by_the_server_itself(
    auth_server: AuthServer,
) -> None:
    client = await auth_server.client()
    await connect_without_pages(auth_server, client)
    await decide(auth_server, longest_grant=timedelta(days=1))

    await maintain(auth_server.opened)
    async with auth_server.opened.database.reading() as db:
        assert (await db.execute(select(Grant.revoked_at))).scalar_one() is None
    auth_server.clock.advance(days=1)
    await maintain(auth_server.opened)

    async with auth_server.opened.database.reading() as db:
        reason = (await db.execute(select(Grant.revoked_reason))).scalar_one()
    assert reason == "its time was over"


# --- memberships ----------------------------------------------------------------------------------


async def test_less_data_for_a_member_is_less_data_for_their_agents(
    auth_server: AuthServer, read_token: Any
) -> None:
    client = await auth_server.client()
    tokens = await connect_without_pages(auth_server, client)

    await seat(auth_server, ADA, role="admin", data_scope="team:design", by=None)
    after = await refreshed(client, tokens)

    claims = await read_token(auth_server, after["access_token"])
    assert claims["data_scope"] == "team:design"


@pytest.mark.both_databases
async def test_a_removed_member_is_out_with_every_app_and_stays_in_elsewhere_a53(
    auth_server: AuthServer,
) -> None:
    """Members who return later have to allow their apps again."""
    client, person = await auth_server.client(), auth_server.person()
    acme = await client.connect(person)
    globex = await client.connect(person, tenant="Globex")
    await seat(auth_server, BO, role="admin", by=None)

    await remove(auth_server, ADA, by=BO)
    refused = await client.refresh(acme["refresh_token"])
    await seat(auth_server, ADA, by=None)
    again = await client.refresh(acme["refresh_token"])

    for answer in (refused, again):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert (await client.refresh(globex["refresh_token"])).status_code == 200


@pytest.mark.parametrize("by", [BO, "usr_cy", "usr_nobody", ""])
async def test_nobody_but_an_admin_of_the_tenant_decides_anything_in_it_a151(
    auth_server: AuthServer, by: str
) -> None:
    """Bo is a member of Globex, and no admin there either."""
    for tenant_id in ("org_acme", "org_globex", "org_nowhere"):
        with pytest.raises(ChangeRefused, match="not an admin of this organisation"):
            await seat(auth_server, BO, tenant_id, role="admin", by=by)
        with pytest.raises(ChangeRefused, match="not an admin of this organisation"):
            await remove(auth_server, ADA, tenant_id, by=by)
    for tenant_id in ("org_acme", "org_globex"):
        with pytest.raises(ChangeRefused, match="not an admin of this organisation"):
            await decide(auth_server, tenant_id, read_only=True, by=by)


async def test_an_admin_gives_nobody_more_data_than_they_have_a151(
    auth_server: AuthServer,
) -> None:
    """Ada sees design and engineering. A member may keep data that they already have."""
    for given in ("", "team:sales", "team:design team:sales", "region:eu"):
        with pytest.raises(ChangeRefused, match="data that you can't see"):
            await seat(auth_server, BO, data_scope=given)
    await seat(auth_server, BO, data_scope="team:sales", by=None)

    await seat(auth_server, BO, role="auditor", data_scope="team:sales")
    await seat(auth_server, BO, data_scope="team:design")

    with pytest.raises(ChangeRefused, match="data that you can't see"):
        await seat(auth_server, BO, data_scope="team:sales")


async def test_an_admin_does_not_promote_themselves_a151(auth_server: AuthServer) -> None:
    for data_scope in ("", "team:design"):
        with pytest.raises(ChangeRefused, match="your own membership"):
            await seat(auth_server, ADA, role="admin", data_scope=data_scope)


async def test_an_organisation_is_not_left_without_an_admin_by_accident(
    auth_server: AuthServer,
) -> None:
    with pytest.raises(ChangeRefused, match="at least one admin"):
        await remove(auth_server, ADA)
    await seat(auth_server, BO, role="admin", data_scope="team:design")

    await remove(auth_server, ADA)

    async with auth_server.opened.database.reading() as db:
        assert await db.get(Membership, (ADA, "org_acme")) is None


@pytest.mark.parametrize(
    ("person", "tenant", "changes", "refusal"),
    [
        ("usr_nobody", "org_acme", {}, "the person usr_nobody does not exist"),
        (BO, "org_nowhere", {}, "the tenant org_nowhere does not exist"),
        (BO, "org_acme", {"role": ""}, "role must be"),
        (BO, "org_acme", {"role": "x" * 33}, "role must be"),
        (BO, "org_acme", {"data_scope": " ".join(f"team:{n:0100}" for n in range(50))}, "at most"),
    ],
)
async def test_a_membership_that_can_not_be_is_refused_in_words(
    auth_server: AuthServer, person: str, tenant: str, changes: dict[str, str], refusal: str
) -> None:
    with pytest.raises(ChangeRefused, match=refusal):
        await seat(auth_server, person, tenant, by=None, **changes)


# --- gateways and the audit log -------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.parametrize("change", ["policy", "membership", "removal", "client"])
async def test_a_gateway_learns_of_every_change_that_affects_tokens(
    database_url: str, clock: Clock, change: str
) -> None:
    """Design §1; a journey checks the two seconds."""
    async with running_auth_server(database_url, clock, resources=(GATEWAY,)) as server:
        client = await server.client()
        token = (await connect_without_pages(server, client))["access_token"]
        async with following(ask_in_process(lambda: server), clock) as gateway:
            assert not gateway.knows(token)
            match change:
                case "policy":
                    await decide(server, read_only=True)
                case "membership":
                    await seat(server, ADA, data_scope="team:design", by=None)
                case "removal":
                    await remove(server, ADA, by=None)
                case _:
                    await decide(server, allowed_clients=())
            await gateway.until_ended(token)
            server.app.state.stopping.end_waits()


@pytest.mark.both_databases
async def test_the_audit_log_names_the_actor_of_each_decision(auth_server: AuthServer) -> None:
    await decide(auth_server, read_only=True, longest_grant=timedelta(days=30))
    await decide(auth_server, read_only=True, longest_grant=timedelta(days=30))
    await seat(auth_server, BO, data_scope="team:design")
    await seat(auth_server, BO, data_scope="team:design")
    await seat(auth_server, BO, role="admin", data_scope="team:design", by=None)
    await remove(auth_server, BO)

    async with auth_server.opened.database.reading() as db:
        query = select(AuditEntry).where(col(AuditEntry.tenant_id) == "org_acme")
        entries = (await db.execute(query.order_by(col(AuditEntry.number)))).scalars().all()
    assert [entry.event for entry in entries] == [
        "policy.changed",
        "membership.created",
        "membership.changed",
        "membership.removed",
    ]
    assert '"longest_grant":2592000' in entries[0].detail
    assert entries[0].person_id == ADA
    assert ['"by":"usr_ada"' in entry.detail for entry in entries[1:]] == [True, False, True]


@pytest.mark.both_databases
async def test_seeding_again_keeps_the_admins_policy_and_a_disabled_tenant(
    auth_server: AuthServer, change_row: Any
) -> None:
    await decide(auth_server, read_only=True, allowed_clients=("claude.ai",))
    await change_row(auth_server, Tenant, "org_acme", disabled_at=auth_server.clock())

    await add(auth_server, tenants=[{"id": "org_acme", "name": "Acme Ltd"}])

    async with auth_server.opened.database.reading() as db:
        tenant = await db.get(Tenant, "org_acme")
    assert tenant is not None
    assert (tenant.name, tenant.read_only, tenant.allowed_clients) == (
        "Acme Ltd",
        True,
        ["claude.ai"],
    )
    assert tenant.disabled_at is not None
