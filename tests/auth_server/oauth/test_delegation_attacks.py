"""Attacks on delegation (RFC 8693 §5): more than the parent has, longer, unseen, or by somebody else."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from sqlmodel import select

from auth_server.administration.clients import block_client
from auth_server.administration.operator import COMMAND_LINE
from auth_server.oauth.token_endpoint.delegation.keep import MOST_BEGUN
from auth_server.records.delegations.store import add_delegation, list_live_delegations
from auth_server.records.delegations.table import Delegation
from auth_server.records.grants.store import find_grant
from auth_server.records.grants.table import Grant
from auth_server.records.revocations.store import list_by_names
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.records.tenants.store import lock_tenant, put_membership
from auth_server.records.tenants.table import Membership
from auth_server.revocations.revoke import end_delegation, outdate_grant, revoke_grant
from auth_server.settings import ResourceSettings
from auth_server.tenancy.change_policy import change_policy
from gatepost.api_keys import ACCESS_TOKEN_TYPE, API_KEY_TYPE, TOKEN_EXCHANGE
from gatepost.revocations import RevocationList, families_of, names_of
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.delegation import SECRET, Agent, add_service_client, connect_agent
from support.in_process.dpop import DpopKey
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import answer_of
from support.in_process.revocations import GATEWAY, assertions, read_unverified

OTHER = ResourceSettings(resource="http://127.0.0.1:8411/mcp")


@pytest.fixture
async def server(database_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """An authorization server with two gateways, one of which has its keys here."""
    async with running_auth_server(database_url, clock, resources=(GATEWAY, OTHER)) as running:
        yield running


@pytest.fixture
async def agent(server: AuthServer) -> Agent:
    """An app that Ada connected for Acme."""
    return await connect_agent(server)


async def is_dead(server: AuthServer, token: str) -> bool:
    """Tell whether a gateway that has heard everything refuses a token."""
    claims, kid = read_unverified(token)
    async with server.opened.database.reading() as db:
        heard = await list_by_names(db, names_of(claims, kid), now=server.clock())
    return RevocationList(heard).is_revoked(claims, kid)


async def live(server: AuthServer) -> list[str]:
    """List the names of the sub-agents that are shown to people."""
    async with server.opened.database.reading() as db:
        grants = (await db.execute(select(Grant.grant_id))).scalars().all()
        return [each.name for each in await list_live_delegations(db, grants, now=server.clock())]


def grant_of(token: str) -> str:
    """Read the grant of a token."""
    return read_unverified(token)[0].grant_id


def delegation_of(token: str) -> str:
    """Read the delegation of a sub-agent's token."""
    return families_of(read_unverified(token)[0].jti)[0]


# More than the parent has


@pytest.mark.parametrize(
    "form",
    [
        {"allowed_tools": "delete_task"},
        {"allowed_tools": "list_tasks delete_task"},
        {"allowed_tools": "no_such_tool"},
        {"allowed_tools": "@admin"},
        {"allowed_tools": "create_task", "scope": "mcp:read"},
        {"scope": "mcp:admin"},
        {"scope": "mcp:write mcp:admin"},
        {"data_scope": "team:sales"},
        {"data_scope": "team:design team:sales"},
    ],
)
async def test_a_sub_agent_gets_nothing_that_its_parent_lacks_a215(
    table_server: AuthServer, form: dict[str, str]
) -> None:
    agent = await connect_agent(table_server)

    assert (await agent.refused(**form))[0] == "invalid_scope"


async def test_a_sub_agent_gets_nothing_back_that_it_did_not_get_a215(
    table_server: AuthServer,
) -> None:
    agent = await connect_agent(table_server)
    token = await agent.delegate(
        scope="mcp:read", allowed_tools="list_tasks", data_scope="team:design region:eu"
    )

    for form in (
        {"allowed_tools": "list_projects"},
        {"scope": "mcp:write"},
        {"data_scope": "team:engineering"},
        {"data_scope": "region:us"},
    ):
        assert (await agent.refused(token, actor_name="reader", **form))[0] == "invalid_scope", form
    again = read_unverified(await agent.delegate(token, actor_name="reader"))[0]
    assert again.allowed_tools == {"list_tasks"}
    assert str(again.data_scope) == "region:eu team:design"


async def test_a_sub_agent_does_not_learn_who_the_person_is_a215(table_server: AuthServer) -> None:
    """The person told it to the app alone."""
    agent = await connect_agent(table_server)
    url = agent.client.authorize_url(scope="openid profile email mcp:read")
    code = answer_of(await table_server.person().approve(url))["code"]
    agent.tokens = (await agent.client.redeem(code)).json()
    assert "openid" in agent.tokens["scope"]

    token = await agent.delegate()

    assert read_unverified(token)[0].scopes == {"mcp:read"}
    assert (await agent.refused(scope="openid mcp:read"))[0] == "invalid_scope"
    headers = {"authorization": f"Bearer {token}"}
    assert (await table_server.http.get("/userinfo", headers=headers)).status_code == 403


async def test_a_tool_that_the_app_may_still_ask_for_is_not_handed_on_a215(
    server: AuthServer, agent: Agent
) -> None:
    """The app's token names it, so that the gateway can tell how the person allows it."""
    async with server.opened.transaction() as db:
        grant = await find_grant(db, grant_of(agent.token), lock=True)
        assert grant is not None
        grant.scope = grant.asked_scope = "mcp:read"
        grant.tools = ["list_tasks"]
    await agent.refresh()
    assert "delete_task" in read_unverified(agent.token)[0].allowed_tools

    for form in (
        {"allowed_tools": "delete_task"},
        {"allowed_tools": "@write"},
        {"allowed_tools": " "},
        {"scope": "mcp:write"},
    ):
        assert (await agent.refused(**form))[0] == "invalid_scope", form
    assert read_unverified(await agent.delegate())[0].allowed_tools == {"list_tasks"}
    everything = await agent.delegate(actor_name="all", allowed_tools="@read @write list_tasks")
    assert read_unverified(everything)[0].allowed_tools == {"list_tasks"}


@pytest.mark.both_databases
async def test_a_sub_agent_follows_the_tenants_rules_of_now_a215(
    server: AuthServer, agent: Agent
) -> None:
    """Also if they became stricter after the app got its token."""
    async with server.opened.transaction() as db:
        tenant = await lock_tenant(db, "org_acme")
        assert tenant is not None
        tenant.approval, tenant.longest_token = "changes", 120

    claims = read_unverified(await agent.delegate())[0]

    assert claims.approval == "changes"
    assert claims.exp - claims.iat <= 120


async def test_a_forbidden_tool_and_an_unknown_one_get_the_same_answer_a215(
    table_server: AuthServer,
) -> None:
    """A124."""
    agent = await connect_agent(table_server)

    forbidden = await agent.refused(allowed_tools="delete_task")
    unknown = await agent.refused(allowed_tools="remove_task")

    assert forbidden[1].replace("delete_task", "remove_task") == unknown[1]


@pytest.mark.both_databases
async def test_a_narrower_rule_of_the_tenant_narrows_sub_agents_a215(
    server: AuthServer, agent: Agent
) -> None:
    before = await agent.delegate()
    server.clock.advance(seconds=2)
    async with server.opened.transaction() as db:
        policy = TenantPolicy(read_only=True)
        lifetime = server.settings.longest_token_lifetime
        await change_policy(db, "org_acme", policy, by=None, lifetime=lifetime, now=server.clock())

    assert await is_dead(server, before)
    assert "subject_token" in (await agent.refused())[1]
    server.clock.advance(seconds=2)
    await agent.refresh()
    assert (await agent.refused(allowed_tools="create_task"))[0] == "invalid_scope"
    after = read_unverified(await agent.delegate())[0]
    assert after.allowed_tools == {"list_projects", "list_tasks"}


@pytest.mark.both_databases
async def test_a_sub_agents_token_never_lasts_longer_than_its_parents_a218(
    server: AuthServer, agent: Agent
) -> None:
    server.clock.advance(minutes=7)
    first = await agent.delegate()
    server.clock.advance(minutes=1)
    second = await agent.delegate(first, actor_name="reader")

    ends = [read_unverified(token)[0].exp for token in (agent.token, first, second)]
    assert ends == sorted(ends, reverse=True)
    assert ends[0] - ends[2] <= 2
    server.clock.advance(seconds=119)
    for token in (agent.token, first, second):
        assert "not a live access token" in (await agent.refused(token, actor_name="late"))[1]


async def test_a_sub_agent_gets_no_refresh_token_and_no_offline_access_a218(
    table_server: AuthServer,
) -> None:
    agent = await connect_agent(table_server)

    body = (await agent.ask()).json()

    assert "refresh_token" not in body
    assert (await agent.refused(scope="offline_access"))[0] == "invalid_scope"
    refresh = await agent.client.refresh(body["access_token"])
    assert refresh.json()["error"] == "invalid_grant"


# Somebody else's token


async def test_only_the_client_that_holds_a_token_exchanges_it_a216(
    table_server: AuthServer,
) -> None:
    """RFC 8693 §5: otherwise anybody who finds a token could exchange it."""
    agent = await connect_agent(table_server)
    thief = await connect_agent(table_server)
    sub = await agent.delegate()

    for token in (agent.token, sub):
        error, text = await thief.refused(token)
        assert (error, text) == ("invalid_request", "subject_token was issued to another client")


async def test_a_token_that_is_no_access_token_of_this_server_is_not_exchanged_a216(
    table_server: AuthServer,
) -> None:
    agent = await connect_agent(table_server)
    head, body, signature = agent.token.split(".")
    other = f"{signature[:-4]}AAAA"
    for token in (
        str(agent.tokens["refresh_token"]),
        f"{head}.{body}.{other}",
        f"{head}.{body}.",
        "mcp_live_x",
        "x" * 10_000,
        "é.è.ê",
    ):
        assert (await agent.refused(token))[0] == "invalid_request"


async def test_neither_an_id_token_nor_a_gateway_nor_a_key_gets_a_sub_agent_a216(
    server: AuthServer, agent: Agent
) -> None:
    url = agent.client.authorize_url(scope="openid mcp:read")
    code = answer_of(await server.person().approve(url))["code"]
    agent.tokens = (await agent.client.redeem(code)).json()
    id_token, own = agent.tokens["id_token"], {"actor_token_type": ACCESS_TOKEN_TYPE}
    other = "urn:ietf:params:oauth:token-type:id_token"

    assert "subject_token is not" in (await agent.refused(id_token))[1]
    assert "actor_token is not" in (await agent.refused(actor_token=id_token, **own))[1]
    for form in ({"subject_token_type": other}, {"requested_token_type": other}):
        assert "must be" in (await agent.refused(id_token, **form))[1]
    as_key = await agent.refused(subject_token_type=API_KEY_TYPE)
    assert as_key[0] == "unauthorized_client"
    by_gateway = {
        **assertions(server.clock).form(),
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": agent.token,
        "subject_token_type": ACCESS_TOKEN_TYPE,
        "actor_name": "researcher",
    }
    answer = await server.http.post("/token", data=by_gateway)
    assert answer.json()["error_description"] == "subject_token was issued to another client"


@pytest.mark.both_databases
async def test_a_token_of_another_persons_connection_makes_no_sub_agent_a220(
    server: AuthServer, agent: Agent
) -> None:
    """Who found it could make calls that look like those of its client."""
    async with server.opened.transaction() as db:
        await put_membership(
            db, Membership(person_id="usr_bo", tenant_id="org_acme", role="analyst")
        )
    other = await connect_agent(server)
    of_bo = await connect_without_pages(server, other.client, person="usr_bo")
    kind = {"actor_token_type": ACCESS_TOKEN_TYPE}

    refused = await agent.refused(actor_token=of_bo["access_token"], **kind)

    assert "for itself or the same person" in refused[1]
    token = await agent.delegate(actor_token=other.token, **kind)
    assert read_unverified(token)[0].actors == (other.client.client_id,)


@pytest.mark.both_databases
async def test_a_name_never_reads_as_another_client_a220(server: AuthServer, agent: Agent) -> None:
    """The actor of a part begins with the client that named it, and a client's id proves itself."""
    await add_service_client(server)

    token = await agent.delegate(actor_name="summariser")

    assert read_unverified(token)[0].actors == (f"{agent.client.client_id}#summariser",)
    for name in ("a#b", "claude.ai/x", "https://claude.ai", "\uff21", "", "-x", "a\u202eb"):
        assert (await agent.refused(actor_name=name))[0] == "invalid_request", name


@pytest.mark.both_databases
async def test_an_actor_of_another_tenant_or_without_a_client_of_its_own_is_refused_a220(
    server: AuthServer, agent: Agent
) -> None:
    kind = {"actor_token_type": ACCESS_TOKEN_TYPE}
    foreign = await add_service_client(server, tenant="org_globex")
    sub = await agent.delegate()

    for actor in (foreign, sub):
        error, text = await agent.refused(actor_token=actor, **kind)
        assert (error, text.split(" that ")[0]) == (
            "invalid_request",
            "actor_token is not a live access token",
        )
    assert "own" in (await agent.refused(actor_token=agent.token, **kind))[1]


@pytest.mark.both_databases
async def test_a_tenants_list_of_apps_holds_for_sub_agents_a224(
    server: AuthServer, agent: Agent
) -> None:
    actor = await add_service_client(server)
    form = {"actor_token": actor, "actor_token_type": ACCESS_TOKEN_TYPE}
    before = await agent.delegate(**form)
    server.clock.advance(seconds=2)
    async with server.opened.transaction() as db:
        policy = TenantPolicy(allowed_clients=(agent.client.client_id,))
        lifetime = server.settings.longest_token_lifetime
        await change_policy(db, "org_acme", policy, by=None, lifetime=lifetime, now=server.clock())
    server.clock.advance(seconds=2)
    await agent.refresh()

    assert await is_dead(server, before)
    assert "actor_token is not a live" in (await agent.refused(**form))[1]
    await agent.delegate()


@pytest.mark.both_databases
async def test_a_token_for_another_resource_is_not_to_be_had_a221(
    server: AuthServer, agent: Agent
) -> None:
    """RFC 8693 §2.1, RFC 8707 §2."""
    for name in ("resource", "audience"):
        for value in (OTHER.resource, "https://elsewhere.example/mcp", server.issuer):
            assert (await agent.refused(**{name: value}))[0] == "invalid_target"
    both = {"resource": server.resource, "audience": OTHER.resource}
    assert (await agent.refused(**both))[0] == "invalid_target"
    await agent.delegate(resource=server.resource, audience=server.resource)


async def test_an_organisations_address_and_its_gateway_are_two_resources_a221(
    server: AuthServer, agent: Agent
) -> None:
    address = f"{server.resource}/o/org_acme"
    client = replace(agent.client, resource=address)
    there = Agent(server, client, await connect_without_pages(server, client))

    assert read_unverified(await there.delegate(resource=address))[0].aud == address
    for other in (server.resource, f"{server.resource}/o/org_globex"):
        assert (await there.refused(resource=other))[0] == "invalid_target"
    assert (await agent.refused(resource=address))[0] == "invalid_target"


async def test_a_token_that_is_bound_to_a_key_is_not_exchanged_for_a_bearer_token_a219(
    table_server: AuthServer,
) -> None:
    """RFC 9449 §1, RFC 7800 §3.1: a thief of the sub-agent's token would need no key."""
    key, thiefs = DpopKey(), DpopKey()
    agent = await connect_agent(table_server)
    agent.client.prove = lambda: {"dpop": key.prove(table_server.clock())}
    agent.tokens = await connect_without_pages(table_server, agent.client)

    body = (await agent.ask()).json()
    assert body["token_type"] == "DPoP"
    assert read_unverified(body["access_token"])[0].confirmation == ("jkt", key.thumbprint)

    agent.client.prove = dict
    other = await connect_agent(table_server)
    for token in (agent.token, body["access_token"]):
        assert "subject_token is bound to a key" in (await agent.refused(token))[1]
    agent.client.prove = lambda: {"dpop": thiefs.prove(table_server.clock())}
    assert "subject_token is bound to a key" in (await agent.refused())[1]
    form = {"actor_token": agent.token, "actor_token_type": ACCESS_TOKEN_TYPE}
    assert "actor_token is bound to a key" in (await other.refused(**form))[1]


# Without end


@pytest.mark.both_databases
async def test_a_chain_has_three_sub_agents_at_most_a222(agent: Agent) -> None:
    token = agent.token
    for name in ("one", "two", "three"):
        token = await agent.delegate(token, actor_name=name)

    assert "already names 3 sub-agents" in (await agent.refused(token, actor_name="four"))[1]


@pytest.mark.both_databases
async def test_a_connection_has_twenty_sub_agents_at_most_also_at_once_a222(
    server: AuthServer, agent: Agent
) -> None:
    answers = await asyncio.gather(*(agent.ask(actor_name=f"agent-{n}") for n in range(50)))

    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [400] * 30
    refused = next(answer for answer in answers if answer.status_code == 400)
    assert "has 20 sub-agents" in refused.json()["error_description"]
    server.clock.advance(minutes=10)
    await agent.refresh()
    await agent.delegate(actor_name="agent-60")


@pytest.mark.both_databases
async def test_an_app_that_begins_and_ends_sub_agents_in_a_loop_fills_nothing_a222(
    server: AuthServer, agent: Agent
) -> None:
    first = read_unverified(await agent.delegate())[0]
    async with server.opened.transaction() as db:
        model = (await list_live_delegations(db, [first.grant_id], now=server.clock()))[0]
        for number in range(MOST_BEGUN - 2):
            ended = {"delegation_id": f"delegation_{number}", "ended_at": model.created_at}
            await add_delegation(
                db, Delegation(**{**model.model_dump(), **ended, "ended_by": "app"})
            )
    last = await agent.delegate(actor_name="last")
    await agent.revoke(last)

    assert "began 200 sub-agents" in (await agent.refused(actor_name="next"))[1]
    await agent.delegate()
    server.clock.advance(minutes=10)
    await agent.refresh()
    await agent.delegate(actor_name="next")


@pytest.mark.both_databases
async def test_fifty_requests_for_one_sub_agent_are_one_sub_agent_a222(
    server: AuthServer, agent: Agent
) -> None:
    answers = await asyncio.gather(*(agent.ask() for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert await live(server) == ["researcher"]


async def test_no_value_of_a_parameter_makes_the_server_fail_a156(
    table_server: AuthServer,
) -> None:
    """With a subject token that passes, so that each parameter is read."""
    agent = await connect_agent(table_server)
    draw = random.Random(0)  # noqa: S311 - the same values each time
    names = [
        *("subject_token_type", "requested_token_type", "resource", "audience", "scope"),
        *("actor_token", "actor_token_type", "actor_name", "allowed_tools", "data_scope"),
    ]
    values = [
        *("", " ", "x", "\x00", "\u202e", "\ud7ff", "a" * 9000, "@read", "@read~AAAAAAAAAAAA~A"),
        *("list_tasks", "mcp:read", "team:design", "team:x", "k:v " * 2000, ACCESS_TOKEN_TYPE),
        *(agent.token, f"{agent.token}x", "e30.e30.e30", "https://[", table_server.resource),
    ]
    for number in range(300):
        form = {name: draw.choice(values) for name in draw.sample(names, draw.randint(1, 4))}
        answer = await agent.ask(**{"actor_name": f"agent-{number % 15}", **form})
        assert answer.status_code in {200, 400}, (form, answer.text)
        assert answer.status_code == 200 or answer.json()["error_description"], form


# Beyond the end of the parent

End = Callable[[AuthServer, Agent, str], Awaitable[None]]


async def _end_grant(server: AuthServer, agent: Agent, _: str) -> None:
    async with server.opened.transaction() as db:
        lifetime = server.settings.longest_token_lifetime
        grant_id = grant_of(agent.token)
        await revoke_grant(db, grant_id, "person", lifetime=lifetime, now=server.clock())


async def _sign_out(_: AuthServer, agent: Agent, __: str) -> None:
    await agent.revoke(agent.tokens["refresh_token"])


async def _revoke_token(_: AuthServer, agent: Agent, __: str) -> None:
    await agent.revoke(agent.token)


async def _end_delegation(server: AuthServer, _: Agent, sub: str) -> None:
    async with server.opened.transaction() as db:
        await end_delegation(db, delegation_of(sub), "person", now=server.clock())


async def _revoke_sub(_: AuthServer, agent: Agent, sub: str) -> None:
    await agent.revoke(sub)


ENDS: list[End] = [_end_grant, _sign_out, _revoke_token, _end_delegation, _revoke_sub]


@pytest.mark.both_databases
@pytest.mark.parametrize("end", ENDS)
async def test_everything_below_ends_with_its_parent_a217(
    server: AuthServer, agent: Agent, end: End
) -> None:
    sub = await agent.delegate()
    below = await agent.delegate(sub, actor_name="reader")

    await end(server, agent, sub)

    assert await is_dead(server, sub)
    assert await is_dead(server, below)
    assert await live(server) == []
    for token in (sub, below):
        assert (await agent.refused(token, actor_name="late"))[0] == "invalid_request"


@pytest.mark.both_databases
@pytest.mark.parametrize("end", ENDS)
async def test_no_sub_agent_survives_an_end_at_the_same_moment_a217(
    server: AuthServer, agent: Agent, end: End
) -> None:
    """Fifty requests at once, some before and some after the end."""
    sub = await agent.delegate()
    above = agent.token if end in (_end_grant, _sign_out, _revoke_token) else sub
    names = [f"agent-{n % 15}" for n in range(50)]

    async def ask(name: str) -> str | None:
        answer = await agent.ask(above, actor_name=name)
        assert answer.status_code in {200, 400}, answer.text
        token: str | None = answer.json().get("access_token")
        return token

    asked = [ask(name) for name in names]
    *given, _ = await asyncio.gather(
        *asked[:25], *asked[25:], end(server, agent, sub), return_exceptions=False
    )

    for token in filter(None, given):
        assert await is_dead(server, token)
    assert await live(server) == []


@pytest.mark.both_databases
async def test_sub_agents_of_a_connection_that_was_changed_are_gone_and_make_room_a217(
    server: AuthServer, agent: Agent
) -> None:
    """Otherwise people would read that they still have what was taken from them."""
    old, sub = agent.token, await agent.delegate()
    async with server.opened.transaction() as db:
        grant = await find_grant(db, grant_of(sub), lock=True)
        assert grant is not None
        grant.tools, grant.version = ["list_tasks"], grant.version + 1
        lifetime, now = server.settings.longest_token_lifetime, server.clock()
        await outdate_grant(db, grant.grant_id, grant.version, lifetime=lifetime, now=now)

    assert await is_dead(server, sub)
    assert await live(server) == []
    assert "subject_token is not a live" in (await agent.refused(old))[1]
    await agent.refresh()
    assert read_unverified(await agent.delegate())[0].allowed_tools == {"list_tasks"}


@pytest.mark.both_databases
async def test_a_refresh_of_the_parent_ends_no_sub_agent(server: AuthServer, agent: Agent) -> None:
    sub = await agent.delegate()

    await agent.refresh()

    assert not await is_dead(server, sub)
    assert await live(server) == ["researcher"]


@pytest.mark.both_databases
async def test_a_sub_agents_end_leaves_its_parent_and_others_alone(
    server: AuthServer, agent: Agent
) -> None:
    sub, other = await agent.delegate(), await agent.delegate(actor_name="other")
    elsewhere = Agent(server, agent.client, await connect_without_pages(server, agent.client))
    there = await elsewhere.delegate(actor_name="there")

    await agent.revoke(sub)

    assert await is_dead(server, sub)
    for token in (agent.token, other, elsewhere.token, there):
        assert not await is_dead(server, token)


@pytest.mark.both_databases
async def test_what_the_person_ended_stays_ended_until_they_approve_the_app_again_a223(
    server: AuthServer, agent: Agent
) -> None:
    sub = await agent.delegate(allowed_tools="list_tasks")
    async with server.opened.transaction() as db:
        await end_delegation(db, delegation_of(sub), "person", now=server.clock())

    assert "somebody ended this sub-agent" in (await agent.refused())[1]
    await agent.delegate(actor_name="other")
    server.clock.advance(days=30)
    agent.tokens = await connect_without_pages(server, agent.client)
    await agent.delegate()


@pytest.mark.both_databases
async def test_a_blocked_client_of_a_sub_agent_loses_its_tokens_a217(
    server: AuthServer, agent: Agent
) -> None:
    actor = await add_service_client(server)
    form = {"actor_token": actor, "actor_token_type": ACCESS_TOKEN_TYPE}
    sub = await agent.delegate(**form)
    async with server.opened.transaction() as db:
        await block_client(
            db,
            COMMAND_LINE,
            "summariser",
            True,
            lifetime=server.settings.longest_token_lifetime,
            now=server.clock(),
        )

    assert await is_dead(server, sub)
    assert not await is_dead(server, agent.token)
    assert "actor_token" in (await agent.refused(**form))[1]


@pytest.mark.both_databases
async def test_a_sub_agents_own_client_ends_its_delegation_and_a_stranger_does_not_a136(
    server: AuthServer, agent: Agent
) -> None:
    actor = await add_service_client(server)
    sub = await agent.delegate(actor_token=actor, actor_token_type=ACCESS_TOKEN_TYPE)
    stranger = await connect_agent(server)

    await stranger.revoke(sub)
    assert not await is_dead(server, sub)

    form = {"client_id": "summariser", "client_secret": SECRET, "token": sub}
    assert (await server.http.post("/revoke", data=form)).status_code == 200
    assert await is_dead(server, sub)
