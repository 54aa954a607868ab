"""Introspection: the clients that may ask about a token, and the answers."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from auth_server.records.clients.table import Client
from auth_server.settings import ResourceSettings
from mcp_gateway.signing_key import publish_key
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient
from support.in_process.revocations import GATEWAY, GATEWAY_KEY, assertions, read_unverified

pytestmark = pytest.mark.both_databases

OTHER = ResourceSettings(
    resource="http://127.0.0.1:8411/mcp", gateway_jwks=dict(publish_key(GATEWAY_KEY))
)
INACTIVE = {"active": False}


@pytest.fixture
async def server(database_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """An authorization server of two gateways."""
    async with running_auth_server(database_url, clock, resources=(GATEWAY, OTHER)) as running:
        yield running


@pytest.fixture
async def tokens(server: AuthServer) -> dict[str, Any]:
    """The tokens of Ada's client."""
    return await connect_without_pages(server)


async def as_gateway(
    server: AuthServer, token: str, *, resource: str = GATEWAY.resource
) -> dict[str, Any]:
    """Ask as the gateway of a resource."""
    form = assertions(server.clock, resource=resource).form()
    answer = await server.http.post("/introspect", data={**form, "token": token})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def confidential(server: AuthServer, change_row: Any, **changes: object) -> dict[str, str]:
    """Register a client with a secret, and change its row as an operator would."""
    answer = await server.http.post(
        "/register",
        json={
            "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "client_secret_basic",
        },
    )
    body = answer.json()
    if changes:
        await change_row(server, Client, body["client_id"], **changes)
    pair = f"{body['client_id']}:{body['client_secret']}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


async def ask(server: AuthServer, headers: dict[str, str], token: str) -> Any:
    """Ask with a secret."""
    return (await server.http.post("/introspect", data={"token": token}, headers=headers)).json()


async def test_a_gateway_is_told_what_a_token_for_its_own_resource_says(
    server: AuthServer, tokens: dict[str, Any]
) -> None:
    """RFC 7662 §2.2."""
    told = await as_gateway(server, tokens["access_token"])

    claims = read_unverified(tokens["access_token"])[0]
    assert told == {"active": True, "token_type": "Bearer", **claims.to_json()}


async def test_a_gateway_learns_nothing_about_tokens_that_are_not_for_it_a135(
    server: AuthServer, tokens: dict[str, Any]
) -> None:
    """RFC 7662 §4. A135."""
    asked = [tokens["access_token"], tokens["refresh_token"], "a.b.c", "nothing"]

    told = [await as_gateway(server, token, resource=OTHER.resource) for token in asked]
    own = await as_gateway(server, tokens["refresh_token"])

    assert [*told, own] == [INACTIVE] * 5


async def test_a_client_that_an_operator_allowed_it_is_told_about_every_token(
    server: AuthServer, tokens: dict[str, Any], change_row: Any
) -> None:
    headers = await confidential(server, change_row, introspects=True, source="managed")

    access = await ask(server, headers, tokens["access_token"])
    refresh = await ask(server, headers, tokens["refresh_token"])

    assert (access["active"], access["sub"]) == (True, "usr_ada")
    assert {name: refresh[name] for name in ("active", "sub", "scope", "aud", "tenant_id")} == {
        "active": True,
        "sub": "usr_ada",
        "scope": tokens["scope"],
        "aud": server.resource,
        "tenant_id": "org_acme",
    }


async def test_introspection_of_a_refresh_token_omits_unselected_tools_a48(
    server: AuthServer, change_row: Any
) -> None:
    client = await server.client()
    tokens = await client.connect(server.person(), untick=["create_task"])
    headers = await confidential(server, change_row, introspects=True, source="managed")

    told = await ask(server, headers, tokens["refresh_token"])

    assert told["scope"] == tokens["scope"] == "mcp:read"


@pytest.mark.parametrize(
    "changes", [{}, {"source": "managed"}, {"introspects": True}], ids=["plain", "managed", "flag"]
)
async def test_any_other_client_reads_that_tokens_are_inactive(
    server: AuthServer, tokens: dict[str, Any], change_row: Any, changes: dict[str, object]
) -> None:
    """A135: scanning finds nothing. The flag has no effect on a self-registered client."""
    headers = await confidential(server, change_row, **changes)
    for token in (tokens["access_token"], tokens["refresh_token"], "nothing"):
        assert await ask(server, headers, token) == INACTIVE


async def test_public_and_anonymous_clients_may_not_ask(
    server: AuthServer, tokens: dict[str, Any]
) -> None:
    """RFC 7662 §2.1."""
    token = tokens["access_token"]
    public = await server.client()
    for form in ({"token": token}, {"token": token, "client_id": public.client_id}):
        answer = await server.http.post("/introspect", data=form)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_token_that_ended_is_inactive_at_once(
    server: AuthServer, tokens: dict[str, Any], change_row: Any
) -> None:
    """A137: introspection agrees with gateways."""
    headers = await confidential(server, change_row, introspects=True, source="managed")
    client_id = read_unverified(tokens["access_token"])[0].client_id
    client = OAuthClient(server.http, server.issuer, server.resource, client_id)
    second = (await client.refresh(tokens["refresh_token"])).json()
    assert await ask(server, headers, tokens["refresh_token"]) == INACTIVE  # it was used
    assert (await ask(server, headers, second["refresh_token"]))["active"]

    data = {"client_id": client_id, "token": second["refresh_token"]}
    await server.http.post("/revoke", data=data)

    for token in (tokens["access_token"], second["access_token"], second["refresh_token"]):
        assert await ask(server, headers, token) == INACTIVE
    assert await as_gateway(server, second["access_token"]) == INACTIVE


async def test_an_expired_token_is_inactive(server: AuthServer, tokens: dict[str, Any]) -> None:
    server.clock.advance(minutes=11)
    assert await as_gateway(server, tokens["access_token"]) == INACTIVE
