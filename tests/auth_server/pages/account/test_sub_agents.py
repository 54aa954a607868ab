"""People, admins and operators see the sub-agents of a connection, and end each of them."""

import pytest
from sqlmodel import select

from auth_server.records.call_log.store import add_calls
from auth_server.records.grants.table import Grant
from gatepost.api_keys import ACCESS_TOKEN_TYPE
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.call_events import call_event
from support.in_process.delegation import add_service_client, connect_agent
from support.in_process.person import Page, Person

APPS = "/account/apps"
END = "/account/app/agent/end"
ORGANISATION = "/account/organisation?tenant=org_acme"
CONSOLE = "/console/tenant/connections?tenant=org_acme"


async def sign_in(
    server: AuthServer, path: str, email: str = "ada@acme.example"
) -> tuple[Person, Page]:
    """Sign in and open a page."""
    person = server.person(email)
    return person, await person.sign_in(await person.open(path))


@pytest.mark.both_databases
async def test_a_person_sees_each_sub_agent_below_its_app_and_ends_it(
    auth_server: AuthServer,
) -> None:
    agent = await connect_agent(auth_server)
    first = await agent.delegate(scope="mcp:read", allowed_tools="@read", data_scope="team:design")
    await agent.delegate(first, actor_name="reader", allowed_tools="list_tasks")
    auth_server.clock.advance(seconds=1)
    actor = await add_service_client(auth_server)
    own = {"actor_token": actor, "actor_token_type": ACCESS_TOKEN_TYPE}
    await agent.delegate(allowed_tools="create_task", **own)
    async with auth_server.opened.transaction() as db:
        grant = (await db.execute(select(Grant))).scalar_one()
        called = {"grant_id": grant.grant_id, "actor": f"{agent.client.client_id}#researcher"}
        now = auth_server.clock()
        await add_calls(db, [call_event(now, **called), call_event(now, **called)])

    ada, page = await sign_in(auth_server, APPS)

    assert "researcher named by the app 2 read tools team design 2 calls, last used" in page.text
    assert "reader named by the sub-agent above 1 read tool team design not used" in page.text
    assert "The summariser an app of its own: summariser 1 write tool" in page.text
    places = [page.text.index(name) for name in ("researcher", "reader", "The summariser")]
    assert places == sorted(places)

    page = await ada.press(page, "End researcher, Test client")

    assert "researcher" not in page.text and "reader" not in page.text
    assert "The summariser" in page.text
    assert "somebody ended this sub-agent" in (await agent.refused())[1]


@pytest.mark.both_databases
async def test_nobody_ends_the_sub_agents_of_others_a217(auth_server: AuthServer) -> None:
    agent = await connect_agent(auth_server)
    token = await agent.delegate()
    ada, page = await sign_in(auth_server, APPS)
    [form] = [each for each in page.forms.values() if each.action == END]
    bo, his = await sign_in(auth_server, APPS, "bo@globex.example")

    refused = await bo.send(his, END, list(form.fields.items()))
    unproved = await ada.send(page, END, list({**form.fields, "proof": "x"}.items()))

    assert (refused.status, unproved.status) == (403, 403)
    await agent.delegate(token, actor_name="still-here")
    api = await admin_api(auth_server)
    path = f"/tenants/org_globex/sub-agents/{form.fields['delegation']}"
    assert (await api.call("DELETE", path)).status_code == 404


async def test_an_admin_of_the_tenant_sees_and_ends_a_members_sub_agent(
    sqlite_server: AuthServer,
) -> None:
    agent = await connect_agent(sqlite_server)
    await agent.delegate(allowed_tools="list_tasks")
    ada, _ = await sign_in(sqlite_server, APPS)
    page = await ada.open(ORGANISATION)
    assert "researcher sub-agent, named by the app" in page.text

    await ada.press(page, "End researcher")

    assert "researcher" not in (await ada.open(ORGANISATION)).text
    assert "somebody ended this sub-agent" in (await agent.refused())[1]
    trail = await ada.open("/account/organisation/audit?tenant=org_acme")
    assert "Access handed to a sub-agent" in trail.text and "Sub-agent ended" in trail.text


async def test_an_operator_sees_and_ends_sub_agents_at_the_console_and_by_the_api(
    sqlite_server: AuthServer,
) -> None:
    agent = await connect_agent(sqlite_server)
    first = await agent.delegate(allowed_tools="@read")
    await agent.delegate(first, actor_name="reader", allowed_tools="list_tasks")
    api = await admin_api(sqlite_server)
    [shown] = (await api.call("GET", "/tenants/org_acme/connections")).json()["items"]
    above, below = shown["sub_agents"]
    assert (above["name"], above["depth"], above["above"]) == ("researcher", 1, "")
    assert (below["name"], below["depth"]) == ("reader", 2)
    assert below["above"] == above["delegation_id"]
    assert above["actor"] == f"{agent.client.client_id}#researcher"

    path = f"/tenants/org_acme/sub-agents/{below['delegation_id']}"
    assert (await api.call("DELETE", path)).status_code == 204
    assert (await api.call("DELETE", path)).status_code == 404
    op, page = await sign_in(sqlite_server, CONSOLE, "op@orbit.example")
    assert "researcher" in page.text and "reader" not in page.text
    page = await op.press(page, "End researcher")

    assert "The access has ended." in page.text and "researcher" not in page.text
    entries = (await api.call("GET", "/audit", params={"event": "delegation.ended"})).json()
    assert entries["items"][0]["detail"]["operator"] == "usr_op"


async def test_the_call_log_names_the_sub_agent(sqlite_server: AuthServer) -> None:
    now = sqlite_server.clock()
    actor = "client_x#researcher"
    async with sqlite_server.opened.transaction() as db:
        event = call_event(now, client_id="client_x", actor=actor)
        await add_calls(db, [event])
    api = await admin_api(sqlite_server)

    [shown] = (await api.call("GET", "/calls")).json()["items"]
    op, page = await sign_in(sqlite_server, "/console/calls", "op@orbit.example")
    story = await op.open(f"/console/call?call={event.call_id}")

    assert shown["actor"] == actor
    assert "researcher" in page.text
    assert f"Sub-agent {actor}" in story.text
