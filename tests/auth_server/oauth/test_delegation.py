"""Delegation (RFC 8693): an app hands a part of what it may do to a sub-agent."""

import shlex
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlmodel import select

from auth_server.maintenance import maintain
from auth_server.records.audit.table import AuditEntry
from auth_server.records.delegations.store import list_live_delegations
from auth_server.records.delegations.table import Delegation
from auth_server.records.grants.table import Grant
from gatepost.api_keys import ACCESS_TOKEN_TYPE
from support.in_process.auth_server import RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.delegation import Agent, add_service_client, connect_agent
from support.in_process.renamed import FORMER, RENAMED
from support.in_process.revocations import GATEWAY
from support.markdown import read


@pytest.fixture
async def server(database_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """An authorization server that knows the gateway's keys."""
    async with running_auth_server(database_url, clock, resources=(GATEWAY,)) as running:
        yield running


async def live(agent: Agent) -> list[Delegation]:
    """List the sub-agents that have not ended."""
    async with agent.server.opened.database.reading() as db:
        grants = (await db.execute(select(Grant.grant_id))).scalars().all()
        return list(await list_live_delegations(db, grants, now=agent.server.clock()))


@pytest.mark.both_databases
async def test_a_sub_agent_gets_the_tools_and_the_data_that_the_app_names(
    server: AuthServer, read_token: Any
) -> None:
    """RFC 8693 §2.2.1, §4.1."""
    agent = await connect_agent(server)
    parent = await read_token(server, agent.token)

    answer = await agent.ask(
        scope="mcp:read", allowed_tools="list_tasks", data_scope="team:design", resource=RESOURCE
    )

    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert set(body) == {"access_token", "issued_token_type", "token_type", "expires_in", "scope"}
    assert (body["issued_token_type"], body["scope"]) == (ACCESS_TOKEN_TYPE, "mcp:read")
    claims = await read_token(server, body["access_token"])
    changed = {
        "scope": "mcp:read",
        "allowed_tools": ["list_tasks"],
        "data_scope": "team:design",
        "act": {"sub": f"{agent.client.client_id}#researcher"},
        "jti": claims["jti"],
        "exp": claims["exp"],
    }
    # The rest of a second is cut off.
    assert parent["exp"] - 1 <= claims["exp"] <= parent["exp"]
    assert claims == {**parent, **changed}
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.both_databases
async def test_a_sub_agent_of_a_sub_agent_names_both(server: AuthServer, read_token: Any) -> None:
    """RFC 8693 §4.1: the current actor contains the one before it."""
    agent = await connect_agent(server)

    first = await agent.delegate(allowed_tools="@read")
    second = await agent.delegate(first, actor_name="reader", allowed_tools="list_tasks")

    claims, own = await read_token(server, second), agent.client.client_id
    assert claims["act"] == {"sub": f"{own}#reader", "act": {"sub": f"{own}#researcher"}}
    assert claims["allowed_tools"] == ["list_tasks"]


@pytest.mark.both_databases
async def test_a_sub_agent_with_a_client_of_its_own_is_named_by_it_and_delegates_itself(
    server: AuthServer, read_token: Any
) -> None:
    """RFC 8693 §2.1: the actor token proves who acts; then that client holds the token."""
    agent = await connect_agent(server)
    actor = await add_service_client(server)

    token = await agent.delegate(actor_token=actor, actor_token_type=ACCESS_TOKEN_TYPE)

    claims = await read_token(server, token)
    assert claims["act"] == {"sub": "summariser"}
    assert (claims["sub"], claims["client_id"]) == ("usr_ada", agent.client.client_id)
    [shown] = await live(agent)
    assert (shown.name, shown.actor_client_id) == ("The summariser", "summariser")
    error, text = await agent.refused(token, actor_name="reader")
    assert (error, text) == ("invalid_request", "subject_token was issued to another client")


async def test_a_toolset_means_its_tools_in_the_apps_token(
    server: AuthServer, read_token: Any
) -> None:
    """The app does not have delete_task, so @write is create_task."""
    agent = await connect_agent(server)

    claims = await read_token(server, await agent.delegate(allowed_tools="@write list_tasks"))

    assert claims["allowed_tools"] == ["create_task", "list_tasks"]


async def test_a_sub_agent_that_is_set_up_with_a_former_name_gets_the_tool(
    server: AuthServer, read_token: Any
) -> None:
    server.catalogue = FORMER
    await maintain(server.opened)
    agent = await connect_agent(server)
    server.catalogue = RENAMED
    server.clock.advance(minutes=1)
    await maintain(server.opened)
    await agent.refresh()

    claims = await read_token(server, await agent.delegate(allowed_tools="list_tasks"))

    assert claims["allowed_tools"] == ["find_tasks"]
    refused = await agent.ask(allowed_tools="list_nothing")
    assert refused.json()["error"] == "invalid_scope"


async def test_without_a_choice_a_sub_agent_gets_what_the_scope_allows(
    server: AuthServer, read_token: Any
) -> None:
    agent = await connect_agent(server)

    whole = await read_token(server, await agent.delegate())
    reading = await read_token(server, await agent.delegate(scope="mcp:read"))

    assert whole["allowed_tools"] == ["create_task", "list_projects", "list_tasks"]
    assert reading["allowed_tools"] == ["list_projects", "list_tasks"]


@pytest.mark.both_databases
async def test_the_same_sub_agent_goes_on_and_is_listed_once(server: AuthServer) -> None:
    """An app asks again each time its own token is new."""
    agent = await connect_agent(server)
    await agent.delegate(allowed_tools="list_tasks")
    server.clock.advance(minutes=5)
    await agent.refresh()

    await agent.delegate(allowed_tools="list_tasks")
    await agent.delegate(actor_name="writer", allowed_tools="create_task")

    assert sorted((each.name, *each.tools) for each in await live(agent)) == [
        ("researcher", "list_tasks"),
        ("writer", "create_task"),
    ]


@pytest.mark.both_databases
async def test_each_new_sub_agent_and_its_end_is_in_the_audit_log(server: AuthServer) -> None:
    agent = await connect_agent(server)
    token = await agent.delegate(allowed_tools="list_tasks")
    await agent.delegate(allowed_tools="list_tasks")
    await agent.revoke(token)

    async with server.opened.database.reading() as db:
        entries = (await db.execute(select(AuditEntry))).scalars().all()
    told = [entry for entry in entries if entry.event.startswith("delegation.")]
    assert [entry.event for entry in told] == ["delegation.created", "delegation.ended"]
    assert all(entry.person_id == "usr_ada" and entry.grant_id for entry in told)
    assert '"name":"researcher"' in told[0].detail
    assert '"reason":"app"' in told[1].detail


@pytest.mark.both_databases
async def test_expired_sub_agents_are_forgotten_after_a_week(server: AuthServer) -> None:
    agent = await connect_agent(server)
    await agent.delegate()
    server.clock.advance(days=8)

    await maintain(server.opened)

    async with server.opened.database.reading() as db:
        assert (await db.execute(select(Delegation))).scalars().all() == []


@pytest.mark.parametrize(
    ("form", "error", "says"),
    [
        ({"actor_name": None}, "invalid_request", "either actor_token or actor_name"),
        ({"actor_name": "a b"}, "invalid_request", "actor_name must be"),
        ({"actor_name": "x" * 49}, "invalid_request", "actor_name must be"),
        ({"actor_token": "x", "actor_name": "x"}, "invalid_request", "either actor_token"),
        ({"actor_token": "x"}, "invalid_request", "actor_token_type must be"),
        ({"actor_token_type": ACCESS_TOKEN_TYPE}, "invalid_request", "needs an actor_token"),
        (
            {"actor_token": "x", "actor_token_type": ACCESS_TOKEN_TYPE},
            "invalid_request",
            "actor_token is not a live access token",
        ),
        ({"subject_token": "x"}, "invalid_request", "subject_token is not a live access token"),
        ({"subject_token": None}, "invalid_request", "subject_token is missing"),
        ({"allowed_tools": "list_tasks,"}, "invalid_request", "allowed_tools must be"),
        ({"data_scope": "design"}, "invalid_request", "data_scope"),
        ({"data_scope": f"region:{'x' * 129}"}, "invalid_request", "data_scope"),
        ({"requested_token_type": "urn:x"}, "invalid_request", "requested_token_type"),
        ({"scope": "offline_access"}, "invalid_scope", "scope goes beyond"),
        ({"scope": '"'}, "invalid_scope", ""),
    ],
)
async def test_a_wrong_parameter_is_refused_by_its_name(
    sqlite_server: AuthServer, form: dict[str, str | None], error: str, says: str
) -> None:
    agent = await connect_agent(sqlite_server)

    refused, text = await agent.refused(**form)

    assert refused == error
    assert says in text


async def test_a_client_that_did_not_register_the_grant_type_can_not_delegate(
    sqlite_server: AuthServer,
) -> None:
    """RFC 7591 §2."""
    agent = await connect_agent(sqlite_server, grant_types=["authorization_code"])

    assert (await agent.refused())[0] == "unauthorized_client"


async def test_what_no_person_allowed_is_not_handed_on(sqlite_server: AuthServer) -> None:
    """A service client gets narrower tokens of its own."""
    agent = await connect_agent(sqlite_server)
    own = await add_service_client(sqlite_server)

    error, text = await agent.refused(own)

    assert (error, text) == ("invalid_request", "subject_token was issued to another client")


async def test_the_example_of_the_document_works(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    agent = await connect_agent(sqlite_server)
    _, _, section = read("docs/api-keys-and-service-clients.md").partition("## Sub-agents")
    example = section.partition("```sh")[2].partition("```")[0]
    values = {"$CLIENT_ID": agent.client.client_id, "$ACCESS_TOKEN": agent.token}
    words = [values.get(word, word) for word in shlex.split(example)]
    form = dict(word.split("=", 1) for word in words if "=" in word)
    form |= {name: values.get(value, value) for name, value in form.items()}

    answer = await sqlite_server.http.post("/token", data=form)

    assert answer.status_code == 200, answer.text
    claims = await read_token(sqlite_server, answer.json()["access_token"])
    assert claims["allowed_tools"] == ["list_projects", "list_tasks"]
    assert claims["data_scope"] == "team:design"
