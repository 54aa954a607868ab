"""How long access tokens live, by client and tenant, and which clients refresh them."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from structlog.testing import capture_logs

from auth_server.maintenance import maintain
from auth_server.records.tenants.table import Tenant
from gatepost_cli.doctor.refreshing import describe_refreshing
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient


def lifetime_of(tokens: dict[str, Any]) -> timedelta:
    """Read how long an access token lives, which the answer and the token must agree about."""
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == tokens["expires_in"]
    return timedelta(seconds=tokens["expires_in"])


async def test_a_clients_tokens_live_as_long_as_the_settings_and_the_tenant_allow(
    sqlite_url: str, clock: Clock, change_row: Any
) -> None:
    lifetimes = {"orbit-cli": timedelta(hours=24)}
    async with running_auth_server(sqlite_url, clock, client_token_lifetimes=lifetimes) as server:
        long = OAuthClient(server.http, server.issuer, server.resource, "orbit-cli")
        long.redirect_uri = "http://127.0.0.1/callback"
        tokens = await connect_without_pages(server, long)
        usual = await connect_without_pages(server)
        await change_row(server, Tenant, "org_acme", longest_token=3600)
        shorter = (await long.refresh(tokens["refresh_token"])).json()

    assert lifetime_of(tokens) == timedelta(hours=24)
    assert lifetime_of(usual) == timedelta(minutes=10)
    assert lifetime_of(shorter) == timedelta(hours=1)


async def test_the_consent_page_tells_the_tenants_limit_of_a_token(
    auth_server: AuthServer, change_row: Any
) -> None:
    client = await auth_server.client(grant_types=["authorization_code"])
    await change_row(auth_server, Tenant, "org_acme", longest_token=180)

    page = await auth_server.person().reach_consent(client.authorize_url())
    assert "The app gets access for 3 minutes at a time" in page.text


@pytest.mark.both_databases
async def test_operators_see_which_apps_refresh_their_tokens(auth_server: AuthServer) -> None:
    refreshing, other = await auth_server.client(), await auth_server.client(client_name="Still")
    tokens = await connect_without_pages(auth_server, refreshing)
    await connect_without_pages(auth_server, other)
    auth_server.clock.advance(minutes=9)
    with capture_logs() as logs:
        tokens = (await refreshing.refresh(tokens["refresh_token"])).json()
    await maintain(auth_server.opened)

    (issued,) = [line for line in logs if line["event"] == "issued"]
    assert (issued["grant_type"], issued["expires_in"]) == ("refresh_token", 600)
    assert issued["client_id"] == refreshing.client_id
    api = await admin_api(auth_server)
    seen = {
        client.client_id: (
            await api.call("GET", "/client", params={"client_id": client.client_id})
        ).json()["refreshed_at"]
        for client in (refreshing, other)
    }
    first = seen[refreshing.client_id]
    assert (first is not None, seen[other.client_id]) == (True, None)
    op = auth_server.person("op@orbit.example")
    page = await op.sign_in(await op.open(f"/console/client?client={other.client_id}"))
    assert "never seen; without refreshing" in page.text
    assert "access tokens live 10 minutes" in page.text
    page = await op.open(f"/console/client?client={refreshing.client_id}")
    assert "never seen" not in page.text
    token = api.token
    lines = await describe_refreshing(auth_server.http, auth_server.issuer, token)
    assert [line.split()[:2] for line in sorted(lines)] == [["look", "Still"], ["ok", "Test"]]
    assert "refreshes its tokens, last on" in next(line for line in lines if "Test" in line)

    # Written at most once an hour, however often it refreshes.
    auth_server.clock.advance(minutes=30)
    await refreshing.refresh(tokens["refresh_token"])
    await maintain(auth_server.opened)
    again = await api.call("GET", "/client", params={"client_id": refreshing.client_id})
    assert again.json()["refreshed_at"] == first
