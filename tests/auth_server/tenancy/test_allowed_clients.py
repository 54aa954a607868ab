"""A tenant's list of clients allows hosts, which a registration can't pretend to."""

from typing import Any

import pytest

from auth_server.records.tenants.policy import TenantPolicy
from auth_server.records.tenants.table import Tenant
from support.in_process.auth_server import AuthServer
from support.in_process.oauth_client import OAuthClient
from support.in_process.person import Page, Person

CLAUDE = "https://claude.ai/api/mcp/auth_callback"
ACME = "/account/organisation?tenant=org_acme"
RULES = "/account/organisation/rules"


async def registered(server: AuthServer, *redirect_uris: str) -> OAuthClient:
    """An app that registered itself, and uses the first of its addresses."""
    uris = list(redirect_uris)
    app = await server.client(client_name="Claude", redirect_uris=uris)
    app.redirect_uri = uris[0]
    return app


async def admin_page(server: AuthServer) -> tuple[Person, Page]:
    """Ada's page of Acme."""
    ada = server.person()
    await ada.sign_in(await ada.open("/account/organisations"))
    return ada, await ada.open(ACME)


@pytest.mark.parametrize(
    ("client_id", "redirect_host", "admitted"),
    [
        ("https://claude.ai/client.json", "127.0.0.1:3000", True),
        ("dyn_1", "claude.ai", True),
        ("dyn_1", "claude.ai:8443", False),
        ("dyn_1", "www.claude.ai", False),
        ("dyn_1", "claude.ai:", False),
        ("dyn_1", "cursor://claude.ai", False),
        ("dyn_1", "localhost", False),
        ("dyn_1", "127.0.0.1:3000", False),
        ("dyn_1", "[::1]:3000", False),
        ("dyn_1", "", False),
        ("dyn_2", "127.0.0.1:3000", True),
    ],
)
def test_a_host_vouches_for_what_returns_there_over_https_only_a172(
    client_id: str, redirect_host: str, admitted: bool
) -> None:
    entries = ("claude.ai", "dyn_2", "localhost", "127.0.0.1:3000", "[::1]:3000", "claude.ai:")
    policy = TenantPolicy(allowed_clients=entries)
    assert policy.admits(client_id, redirect_host) is admitted


async def test_an_app_that_registers_again_stays_allowed_by_its_host(
    auth_server: AuthServer, change_row: Any
) -> None:
    await change_row(auth_server, Tenant, "org_acme", allowed_clients=["claude.ai"])
    for _ in range(2):
        app = await registered(auth_server, CLAUDE)
        tokens = await app.connect(auth_server.person())
        assert "access_token" in (await app.refresh(tokens["refresh_token"])).json()


@pytest.mark.parametrize(
    "redirect_uri",
    ["https://evil.example/cb", "http://127.0.0.1/callback", "claude.ai:/cb"],
)
async def test_an_app_with_an_allowed_host_among_its_addresses_uses_no_other_a172(
    sqlite_server: AuthServer, change_row: Any, redirect_uri: str
) -> None:
    await change_row(sqlite_server, Tenant, "org_acme", allowed_clients=["claude.ai"])
    app = await registered(sqlite_server, redirect_uri, CLAUDE)
    page = await sqlite_server.person().reach_consent(app.authorize_url())
    assert "Acme does not allow Claude" in page.text


async def test_an_admin_ticks_connected_apps_by_their_host(sqlite_server: AuthServer) -> None:
    first, device = (
        await registered(sqlite_server, CLAUDE),
        await registered(sqlite_server, "http://127.0.0.1/callback"),
    )
    person = sqlite_server.person()
    kept = await first.connect(person)
    gone = await device.connect(person)
    ada, page = await admin_page(sqlite_server)
    boxes = {value for (name, value) in page.forms[RULES].checkboxes if name == "allow"}
    assert boxes == {"claude.ai", device.client_id}
    fill = {"clients": "listed", "required_level": "1", "allowed_clients": "other.example"}

    after = await ada.press(page, "Save rules", fill=fill, tick=["claude.ai"])

    assert after.forms[RULES].checkboxes["allow", "claude.ai"]
    assert "other.example</textarea>" in after.html
    assert "access_token" in (await first.refresh(kept["refresh_token"])).json()
    assert "error" in (await device.refresh(gone["refresh_token"])).json()
    again = await registered(sqlite_server, CLAUDE)
    assert "access_token" in await again.connect(sqlite_server.person())
