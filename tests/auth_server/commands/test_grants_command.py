"""`gatepost auth-server grants`: an operator sees and ends what people allowed apps."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from click.testing import Result
from sqlmodel import col, select

from auth_server.records.audit.table import AuditEntry
from auth_server.records.audit.verify import find_break
from auth_server.records.grants.store import find_grant
from auth_server.records.revocations.table import RevocationRow
from auth_server.records.tenant_apps.store import add_choice, list_ended_choices
from auth_server.records.tenant_apps.table import AppChoice
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.delegation import connect_agent
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient

Operate = Callable[..., Result]


def on(database_url: str, use: Callable[[AuthServer], Awaitable[Any]]) -> Any:
    """Start a server on the database and use it."""

    async def run() -> Any:
        async with running_auth_server(database_url, Clock()) as server:
            return await use(server)

    return asyncio.run(run())


@pytest.fixture
def connected(database_url: str) -> list[tuple[str, str]]:
    """Ada's app at Acme, her app at Globex, and Bo's at Globex: client id and refresh token."""

    async def connect(server: AuthServer) -> list[tuple[str, str]]:
        made = []
        for person, tenant in (
            ("usr_ada", "org_acme"),
            ("usr_ada", "org_globex"),
            ("usr_bo", "org_globex"),
        ):
            client = await server.client()
            tokens = await connect_without_pages(server, client, person=person, tenant=tenant)
            made.append((client.client_id, tokens["refresh_token"]))
        return made

    pairs: list[tuple[str, str]] = on(database_url, connect)
    return pairs


def living(database_url: str, connected: list[tuple[str, str]]) -> list[bool]:
    """Tell for each connection whether its refresh token is still valid."""

    async def refresh(server: AuthServer) -> list[bool]:
        return [
            (
                await OAuthClient(server.http, server.issuer, server.resource, client_id).refresh(
                    token
                )
            ).status_code
            == 200
            for client_id, token in connected
        ]

    states: list[bool] = on(database_url, refresh)
    return states


def grant_ids(operate: Operate, *options: str) -> list[str]:
    """Read the ids that are listed."""
    listed = operate("grants", "list", *options)
    assert listed.exit_code == 0, listed.output
    return [line.split()[0] for line in listed.output.splitlines() if line.startswith("grant_")]


def told(database_url: str, event: str) -> list[tuple[str, str, str]]:
    """Read person, tenant and client of the audit log's entries of a kind; the chain must hold."""

    async def read(server: AuthServer) -> list[tuple[str, str, str]]:
        async with server.opened.database.reading() as db:
            query = select(AuditEntry).where(col(AuditEntry.event) == event)
            rows = (await db.execute(query.order_by(col(AuditEntry.number)))).scalars()
            assert await find_break(db) is None
            return [(row.person_id, row.tenant_id, row.client_id) for row in rows]

    rows: list[tuple[str, str, str]] = on(database_url, read)
    return rows


@pytest.mark.both_databases
def test_grants_are_listed_by_person_tenant_and_client(
    operate: Operate, connected: list[tuple[str, str]]
) -> None:
    everything = grant_ids(operate)

    assert len(everything) == 3
    assert len(grant_ids(operate, "--person", "usr_ada")) == 2
    assert len(grant_ids(operate, "--tenant", "org_globex")) == 2
    assert len(grant_ids(operate, "--tenant", "org_globex", "--person", "usr_bo")) == 1
    assert grant_ids(operate, "--client", connected[0][0])[0] in everything
    line = operate("grants", "list", "--client", connected[0][0]).output
    assert "usr_ada in org_acme  Test client" in line
    row = json.loads(operate("grants", "list", "--client", connected[0][0], "--json").output)
    assert (row["grant_id"], row["tenant_id"], row["sub_agents"]) == (
        line.split()[0],
        "org_acme",
        [],
    )
    assert operate("grants", "list", "--person", "nobody").output == "There are no such grants.\n"


@pytest.mark.both_databases
def test_one_grant_ends_and_the_others_go_on(
    operate: Operate, database_url: str, connected: list[tuple[str, str]]
) -> None:
    (grant,) = grant_ids(operate, "--client", connected[0][0])

    ended = operate("grants", "end", grant)
    again = operate("grants", "end", grant)

    assert (ended.exit_code, ended.output) == (0, "1 grants ended.\n")
    assert (again.exit_code, "has already ended" in again.output) == (1, True)
    assert living(database_url, connected) == [False, True, True]
    assert told(database_url, "grant.revoked") == [("usr_ada", "org_acme", connected[0][0])]


def test_an_app_that_an_operator_ends_is_not_connected_again_by_the_organisations_provider(
    operate: Operate, database_url: str, connected: list[tuple[str, str]]
) -> None:
    (grant_id,) = grant_ids(operate, "--client", connected[0][0])

    async def hand_to_tenant(server: AuthServer) -> None:
        async with server.opened.transaction() as db:
            grant = await find_grant(db, grant_id)
            assert grant is not None
            grant.by_tenant = True
            of = grant.model_dump(include={"person_id", "tenant_id", "client_id", "resource"})
            await add_choice(db, AppChoice(**of, client_name="Test client", ceiling_tools=[]))

    async def read(server: AuthServer) -> list[str | None]:
        async with server.opened.database.reading() as db:
            found = await list_ended_choices(db, person_id="usr_ada", most=10)
            return [one.ended_by for one in found]

    on(database_url, hand_to_tenant)
    assert operate("grants", "end", grant_id).exit_code == 0
    assert on(database_url, read) == ["operator"]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("options", "left"),
    [
        (("--person", "usr_ada"), [False, False, True]),
        (("--tenant", "org_globex"), [True, False, False]),
        (("--person", "usr_ada", "--tenant", "org_globex"), [True, False, True]),
    ],
)
def test_all_of_a_person_or_a_tenant_end_together(
    operate: Operate,
    database_url: str,
    connected: list[tuple[str, str]],
    options: tuple[str, ...],
    left: list[bool],
) -> None:
    ended = operate("grants", "end", *options)

    assert ended.output == f"{left.count(False)} grants ended.\n"
    assert living(database_url, connected) == left
    assert len(told(database_url, "grant.revoked")) == left.count(False)


@pytest.mark.parametrize("arguments", [(), ("grant_x", "--person", "usr_ada")])
def test_ending_everything_by_mistake_is_refused(
    operate: Operate, database_url: str, connected: list[tuple[str, str]], arguments: tuple[str]
) -> None:
    refused = operate("grants", "end", *arguments)

    assert (refused.exit_code, "GRANT_ID" in refused.output) == (1, True)
    assert living(database_url, connected) == [True] * 3


def test_access_tokens_can_end_without_grants_so_that_apps_fetch_new_ones(
    operate: Operate, database_url: str, connected: list[tuple[str, str]]
) -> None:
    assert operate("grants", "refresh", "tenant", "org_globex").exit_code == 0

    async def names(server: AuthServer) -> list[tuple[str, str]]:
        async with server.opened.database.reading() as db:
            rows = (await db.execute(select(RevocationRow))).scalars()
            return [(row.kind, row.key) for row in rows]

    assert on(database_url, names) == [("tenant", "org_globex")]
    assert living(database_url, connected) == [True] * 3
    assert told(database_url, "token.outdated") == [("", "org_globex", "")]


def test_a_sub_agent_is_listed_below_its_grant_and_ended_alone(
    database_url: str, operate: Operate
) -> None:
    async def delegate(server: AuthServer) -> None:
        agent = await connect_agent(server)
        first = await agent.delegate(allowed_tools="@read")
        await agent.delegate(first, actor_name="reader", allowed_tools="list_tasks")

    on(database_url, delegate)

    grant, above, below = operate("grants", "list").output.splitlines()
    ended = operate("grants", "end", below.split()[0])

    assert grant.startswith("grant_")
    assert above.startswith("  delegation_") and "researcher" in above
    assert below.startswith("    delegation_") and "reader" in below
    assert ended.exit_code == 0, ended.output
    assert operate("grants", "list").output.splitlines() == [grant, above]
    assert operate("grants", "end", below.split()[0]).exit_code != 0
