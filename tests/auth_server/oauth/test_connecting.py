"""A complete connection: register, authorize, sign in, consent, redeem."""

import re
from typing import Any

import jwt
import pytest
from sqlalchemy import select
from sqlmodel import col

from auth_server.records.authorization_codes.table import AuthorizationCode
from auth_server.records.grants.table import Grant
from auth_server.records.refresh_tokens.table import RefreshToken
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient, answer_of


async def read_token(auth_server: AuthServer, token: str) -> dict[str, Any]:
    """Verify an access token with a library that the server does not use."""
    keys = jwt.PyJWKSet.from_dict((await auth_server.http.get("/jwks.json")).json())
    header = jwt.get_unverified_header(token)
    assert header["typ"] == "at+jwt"
    key = keys[header["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["ES256"], audience=auth_server.resource, issuer=auth_server.issuer
    )
    return claims


@pytest.mark.both_databases
async def test_ada_connects_a_client_and_its_token_has_exactly_her_selection(
    auth_server: AuthServer,
) -> None:
    """RFC 9068 §2.2 and the token contract."""
    client = await auth_server.client()

    tokens = await client.connect(auth_server.person(), untick=["list_projects"])

    claims = await read_token(auth_server, tokens["access_token"])
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    assert tokens["scope"] == "mcp:read mcp:write"
    assert claims["exp"] - claims["iat"] == 600
    assert {name: claims[name] for name in claims if name not in {"iat", "exp", "jti"}} == {
        "iss": auth_server.issuer,
        "aud": auth_server.resource,
        "sub": "usr_ada",
        "client_id": client.client_id,
        "scope": "mcp:read mcp:write",
        "tenant_id": "org_acme",
        "allowed_tools": ["create_task", "list_tasks"],
        "data_scope": "team:design team:engineering",
        "rate_limit_tier": "pro",
        "grant_id": claims["grant_id"],
        "grant_version": 1,
        "env": "live",
    }


async def test_ada_chooses_her_other_organisation_and_the_token_is_for_that_one(
    auth_server: AuthServer,
) -> None:
    """Tenant choice."""
    client = await auth_server.client()

    tokens = await client.connect(auth_server.person(), tenant="Globex")

    claims = await read_token(auth_server, tokens["access_token"])
    assert (claims["tenant_id"], claims["data_scope"]) == ("org_globex", "team:sales")


async def test_a_person_with_one_organisation_is_not_asked_which(auth_server: AuthServer) -> None:
    """Bo belongs only to Globex."""
    client = await auth_server.client()
    bo = auth_server.person("bo@globex.example")

    page = await bo.open(client.authorize_url())
    page = await bo.sign_in(page)

    assert page.url.startswith(f"{auth_server.issuer}/consent")
    assert "Globex" in page.text


async def test_denying_sends_access_denied_with_state_and_iss(auth_server: AuthServer) -> None:
    """RFC 6749 §4.1.2.1, RFC 9207 §2."""
    client = await auth_server.client()

    answer = answer_of(await auth_server.person().deny(client.authorize_url()))

    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == (client.state, auth_server.issuer)


async def test_a_client_that_asks_for_no_scope_gets_the_resources_default_a130(
    auth_server: AuthServer,
) -> None:
    """RFC 6749 §3.3: a missing scope means the server's default, not an error."""
    client = await auth_server.client()
    person = auth_server.person()

    answer = answer_of(await person.approve(client.authorize_url(scope=None, resource=None)))
    tokens = (await client.redeem(answer["code"], resource=None)).json()

    claims = await read_token(auth_server, tokens["access_token"])
    assert (claims["scope"], claims["aud"]) == ("mcp:read mcp:write", auth_server.resource)


@pytest.mark.both_databases
async def test_a_step_up_may_ask_for_scopes_the_client_never_registered(
    auth_server: AuthServer,
) -> None:
    """MCP 2026-07-28, authorization, Step-Up Authorization Flow."""
    client = await auth_server.client(scope="mcp:read")
    person = auth_server.person()
    first = answer_of(await person.approve(client.authorize_url(scope="mcp:read")))
    before = (await client.redeem(first["code"])).json()

    second = answer_of(
        await person.approve(client.authorize_url(scope="mcp:read mcp:write"), tick=["create_task"])
    )
    after = (await client.redeem(second["code"])).json()

    assert (before["scope"], after["scope"]) == ("mcp:read", "mcp:read mcp:write")
    claims = await read_token(auth_server, after["access_token"])
    assert claims["grant_version"] == 2
    assert "create_task" in claims["allowed_tools"]


async def test_offline_access_is_granted_when_asked_and_never_reaches_the_access_token(
    auth_server: AuthServer,
) -> None:
    """MCP 2026-07-28, authorization, Refresh Tokens."""
    client = await auth_server.client()
    person = auth_server.person()

    url = client.authorize_url(scope="mcp:read offline_access", prompt="consent")
    tokens = (await client.redeem(answer_of(await person.approve(url))["code"])).json()

    claims = await read_token(auth_server, tokens["access_token"])
    assert (tokens["scope"], claims["scope"]) == ("mcp:read offline_access", "mcp:read")


async def test_a_client_connects_at_an_issuer_with_a_path(database_url: str, clock: Clock) -> None:
    """RFC 8414 §3: an issuer may have a path; everything is served below it."""
    issuer = "https://id.example/tenants/one"
    async with running_auth_server(database_url, clock, issuer=issuer) as server:
        client = await server.client()
        tokens = await client.connect(server.person())
        again = await client.refresh(tokens["refresh_token"])
        page = await server.person().open(client.authorize_url())
        style = re.search(r'href="(/tenants/one/static/gatepost-[0-9a-f]{12}\.css)"', page.html)
        assert style is not None
        sheet = await server.http.get(f"https://id.example{style[1]}")

    assert jwt.decode(tokens["access_token"], options={"verify_signature": False})["iss"] == issuer
    assert (again.status_code, sheet.status_code) == (200, 200)


async def test_a_connection_without_pages_is_what_the_pages_store(
    sqlite_server: AuthServer,
) -> None:
    """Tests that are not about connecting use the shorter way."""

    async def through_pages(client: OAuthClient) -> dict[str, Any]:
        return await client.connect(sqlite_server.person())

    async def without_pages(client: OAuthClient) -> dict[str, Any]:
        return await connect_without_pages(sqlite_server, client)

    stored: list[object] = []
    for connect in (through_pages, without_pages):
        client = await sqlite_server.client()
        tokens = await connect(client)
        claims = await read_token(sqlite_server, tokens["access_token"])
        async with sqlite_server.opened.database.reading() as db:
            rows = [
                (await db.scalars(select(table).where(col(table.client_id) == client.client_id)))
                .one()
                .model_dump()
                for table in (Grant, AuthorizationCode, RefreshToken)
            ]
        own = {"client_id", "grant_id", "family_id", "jti"}
        own |= {"code_hash", "code_challenge", "token_hash"}
        stored.append([{k: v for k, v in d.items() if k not in own} for d in (claims, *rows)])
    assert stored[0] == stored[1]
