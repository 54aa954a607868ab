"""Linking at a real authorization server, npm's oidc-provider, which replaces refresh tokens."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest

from auth_server.linking.sealed import unseal_tokens
from auth_server.maintenance import maintain
from auth_server.sign_in_settings import LinkProviderSettings
from support.in_process.auth_server import ISSUER, running_auth_server
from support.in_process.clock import Clock
from support.in_process.gateway import World, a_world
from support.in_process.link_provider import (
    LINKED,
    Place,
    ask_for_token,
    gateways_way_to,
    grant_of,
    leave,
)
from support.in_process.oauth_client import answer_of
from support.in_process.person import Page, Person
from support.markdown import ROOT
from support.processes.services import free_port, running_service

NODE = ROOT / "tests/node"
SECRET = "of-gatepost-at-the-api-0123456789"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run it; yields its issuer."""
    issuer = f"http://127.0.0.1:{free_port()}"
    setup = {
        "issuer": issuer,
        "title": "Orbit",
        "claims": {},
        "client": {
            "client_id": "gatepost",
            "client_secret": SECRET,
            "redirect_uris": [f"{ISSUER}/link/return/orbit"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        },
        "more": {
            "rotateRefreshToken": True,
            "ttl": {"AccessToken": 600},
            "scopes": ["openid", "offline_access"],
        },
    }
    argv = (NODE / "node_modules/.bin/node", NODE / "openid-provider.mjs", json.dumps(setup))
    log = tmp_path_factory.mktemp("orbit") / "provider.log"
    with running_service(argv, url=issuer, log=log, ready_path="/healthz"):
        yield issuer


@pytest.fixture
async def place(sqlite_url: str, clock: Clock, provider: str) -> AsyncIterator[tuple[Place, str]]:
    """A server that links accounts there."""
    settings = LinkProviderSettings(
        name="orbit",
        title="Orbit",
        issuer=provider,
        client_id="gatepost",
        client_secret=SECRET,
        scopes=("openid", "offline_access"),
        parameters={"prompt": "consent"},
    )
    async with running_auth_server(
        sqlite_url, clock, resources=(LINKED,), link_providers=(settings,)
    ) as server:
        yield Place(server, None, None), provider  # type: ignore[arg-type]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway before an API that wants the person's own token."""
    document = {
        "openapi": "3.1.0",
        "security": [{"orbit": []}],
        "components": {"securitySchemes": {"orbit": {"type": "http", "scheme": "bearer"}}},
        "paths": {"/tasks": {"get": {"operationId": "list"}}},
    }
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    manifest = tmp_path / "tools.yaml"
    tools = "tools: {list: {operation: list}}\n"
    manifest.write_text(f"version: 1\nname: T\nopenapi: openapi.json\n{tools}")
    credentials = {"orbit": {"mode": "linked_account", "provider": "orbit"}}
    async with a_world(tmp_path, manifest=manifest, upstream_credentials=credentials) as opened:
        yield opened


async def allow(url: str) -> str:
    """Sign in and allow access there, as a browser does; return where it is sent at last."""
    async with httpx2.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(url)
        while not url.startswith(ISSUER):
            if answer.status_code in {302, 303}:
                url = urljoin(url, answer.headers["location"])
                if not url.startswith(ISSUER):
                    answer = await browser.get(url)
            else:
                assert answer.status_code == 200, answer.text
                answer = await browser.post(url)
    return url


async def link(person: Person, page: Page) -> Page:
    """Link the account that a page asks for."""
    return await person.open(await allow(await leave(person, page)))


async def test_fifty_calls_at_expiry_make_one_refresh_and_a_revoked_link_is_told_not_looped_a287(
    place: tuple[Place, str], clock: Clock, world: World
) -> None:
    (here, issuer), http = place, httpx2.AsyncClient(trust_env=False)
    world.links.forward = gateways_way_to(here.server).fetch_linked_token
    client, person = await here.server.client(), here.server.person()
    consent = await link(person, await person.reach_consent(client.authorize_url()))
    answer = answer_of((await person.press(consent, "Approve")).moves_on_to or "")
    grant_id = grant_of((await client.redeem(answer["code"])).json())
    first = await ask_for_token(here.server, grant_id)
    assert first["state"] == "linked" and 590 <= first["expires_in"] <= 600

    async def call(number: int = 0) -> str:
        """Call a tool with one of the person's access tokens; return what the model reads."""
        token = world.token(grant_id=grant_id, jti=f"{clock()} {number}")
        answer = await world.call("new", "list", token=token)
        return str(answer["content"][0]["text"]) if answer["isError"] else ""

    async def refreshes() -> int:
        return int((await http.get(f"{issuer}/refreshes")).text)

    # Three times, so that the second and third use a refresh token that replaced another one.
    for number in range(1, 4):
        clock.advance(minutes=10)
        world.api.requests.clear()
        # Of fifty access tokens, so that the gateway asks fifty times.
        assert set(await asyncio.gather(*map(call, range(50)))) == {""}
        assert len(world.links.asked) == 50 * number
        sent = {world.api.header("authorization", request=one) for one in range(50)}
        assert len(sent) == 1
        assert await refreshes() == number
    # The person withdraws access there.
    (row,) = await here.rows()
    tokens = unseal_tokens(row, here.server.opened.keys)
    assert tokens is not None
    form = {"token": tokens.refresh_token or "", "client_id": "gatepost", "client_secret": SECRET}
    assert (await http.post(f"{issuer}/token/revocation", data=form)).status_code == 200
    clock.advance(minutes=10)
    world.api.requests.clear()
    for _ in range(3):
        told = await call()
        assert "does not accept the link" in told and f"{ISSUER}/account/link?" in told
        clock.advance(minutes=10)
    assert world.api.requests == [] and await refreshes() == 3
    # They link it again, unlink it, and the provider does not accept its token any more.
    apps = await person.open("/account/apps")
    (again,) = [url for url in apps.links if "/account/link?" in url]
    apps = await link(person, await person.open(again))
    assert (await ask_for_token(here.server, grant_id))["state"] == "linked"
    (row,) = await here.rows()
    tokens = unseal_tokens(row, here.server.opened.keys)
    assert tokens is not None
    await person.press(apps, "Unlink")
    await maintain(here.server.opened)
    assert await here.rows() == []
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens.refresh_token or "",
        "client_id": "gatepost",
        "client_secret": SECRET,
    }
    refused = await http.post(f"{issuer}/token", data=form)
    assert refused.json()["error"] in {"invalid_grant", "invalid_client"}
    await http.aclose()
