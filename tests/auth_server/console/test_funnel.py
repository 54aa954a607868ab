"""Operators see how far apps and people come, and where they stop."""

from datetime import timedelta
from typing import Any

import pytest

from auth_server.gateway_api.write_calls import write_calls
from auth_server.maintenance import maintain
from support.in_process.admin_api import AdminApi, admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.call_events import call_event


async def funnel(api: AdminApi) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """Read the steps of today, and where some stopped."""
    found = (await api.call("GET", "/funnel")).json()
    steps = {one["step"]: one["times"] for one in found["steps"]}
    return steps, {(one["at"], one["error"]): one["times"] for one in found["stops"]}


async def connect_and_leave(server: AuthServer, read_token: Any) -> None:
    """Ada connects one app and her agent calls a tool; everybody else stops somewhere."""
    await server.http.get("/.well-known/oauth-authorization-server")
    client = await server.client()
    await server.person().reach_consent(client.authorize_url(), tenant="nowhere")
    tokens = await client.connect(server.person())
    grant_id = (await read_token(server, tokens["access_token"]))["grant_id"]
    called = [call_event(server.clock(), grant_id=grant_id) for _ in range(3)]
    async with server.opened.transaction() as db:
        await write_calls(db, called, now=server.clock())

    await server.person().open(client.authorize_url())
    await server.person("cy@nowhere.example").reach_consent(client.authorize_url())
    await server.person("bo@globex.example").reach_consent(client.authorize_url())
    await server.person("bo@globex.example").deny(client.authorize_url())
    await server.person().open(client.authorize_url(response_type="token"))


STEPS = {
    "discovery": 1,
    "registration": 1,
    "authorization": 6,
    "signed_in": 5,
    "consent": 3,
    "approved": 1,
    "token": 1,
    "call": 1,
}
STOPS = {
    ("sign_in", ""): 1,
    ("no_tenant", ""): 1,
    ("choose_tenant", ""): 1,
    ("consent", ""): 1,
    ("denied", ""): 1,
    ("refused_authorize", "unsupported_response_type"): 1,
}


@pytest.mark.both_databases
async def test_each_connection_counts_once_with_how_far_it_came(
    auth_server: AuthServer, read_token: Any
) -> None:
    auth_server.clock.advance_to_noon()
    await connect_and_leave(auth_server, read_token)
    await maintain(auth_server.opened)
    api = await admin_api(auth_server, ["usage:read"], lifetime=timedelta(days=60))
    assert await funnel(api) == (STEPS, STOPS)

    auth_server.clock.advance(hours=2)
    await maintain(auth_server.opened)
    await maintain(auth_server.opened)
    assert await funnel(api) == (STEPS, STOPS), "also when the requests are deleted"

    auth_server.clock.advance(days=3)
    assert sum((await funnel(api))[0].values()) == 0, "a later day has none"
    month = (await api.call("GET", "/funnel", params={"days": 30})).json()
    assert {one["step"]: one["times"] for one in month["steps"]} == STEPS


async def test_an_app_that_the_organisation_forbids_is_named_as_the_reason(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server)
    client = await sqlite_server.client()
    ada = sqlite_server.person()
    await ada.sign_in(await ada.open("/account/organisations"))
    page = await ada.open("/account/organisation?tenant=org_acme")
    await ada.press(page, "Save rules", fill={"clients": "listed", "allowed_clients": ""})

    await sqlite_server.person().reach_consent(client.authorize_url())

    assert (await funnel(api))[1] == {("not_allowed", ""): 1}


async def test_the_page_shows_the_steps_in_words(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    await connect_and_leave(sqlite_server, read_token)
    await maintain(sqlite_server.opened)
    op = sqlite_server.person("op@orbit.example")

    page = await op.sign_in(await op.open("/console/funnel"))

    assert "Began to connect 6 100.0%" in page.text
    assert "Approved 1 16.7%" in page.text
    assert "Denied the request 1" in page.text
    assert "The app's request was refused unsupported_response_type 1" in page.text
