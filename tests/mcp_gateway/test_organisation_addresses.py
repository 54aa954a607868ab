"""The address of one organisation at the gateway: a resource of its own, with the same tools."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatepost.api_keys import make_api_key
from support.in_process.gateway import USUAL, World, a_world

ACME, GLOBEX, OWN = "/mcp/o/org_acme", "/mcp/o/org_globex", "/mcp"
WELL_KNOWN = "/.well-known/oauth-protected-resource"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
CALL = {"name": "list_tasks", "arguments": {}}
SPELLINGS = (
    "/mcp/o/ORG_ACME",
    "/mcp/O/org_acme",
    "/MCP/o/org_acme",
    "/mcp/o/org%5Facme",
    "/mcp/o/%6Frg_acme",
    "/mcp/%6F/org_acme",
    "/mcp/o/org_acme%2F",
    "/mcp/o/org_globex/%2e%2e/org_acme",
    "/mcp/o/org_globex%2F..%2Forg_acme",
    "/mcp/o//org_acme",
    "/mcp//o/org_acme",
    "/mcp/o/org_acme//",
    "/mcp/o/org_acme/x",
    "/mcp/o/org_acme%00",
    "/mcp/o/org_acme%0A",
    "/mcp/o/org_acme%20",
    "/mcp/o/org_acme;x",
    "/mcp/o/org_acme,org_globex",
    "/mcp/o/org_%C3%A4cme",
    "/mcp/o/%EF%BD%8Frg_acme",
    "/mcp/o/org_acm%D0%B5",
    "/mcp/o/",
    "/mcp/o",
    "/mcp/o/%2e%2e",
    "/mcp/o/-",
    "/mcp/o/" + "a" * 129,
)


def at(world: World, path: str) -> World:
    """Let the client send its requests to another path."""
    return replace(world, path=path)


def audience(world: World, path: str) -> str:
    """Return the resource at a path."""
    return world.settings.origin + path


def token_for(world: World, path: str, tenant_id: str = "org_acme") -> str:
    """Sign a token of Ada's for the resource at a path."""
    return world.token(aud=audience(world, path), tenant_id=tenant_id)


@pytest.mark.parametrize("era", ["old", "new"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_token_for_an_organisations_address_calls_tools_there(
    world: World, era: str, slash: str
) -> None:
    called = await at(world, ACME + slash).call(era, "list_tasks", token=token_for(world, ACME))

    assert not called.get("isError")
    # Whatever the address, the call is one of this gateway's, for its API and its call log.
    assert world.records[-1]["resource"] == world.settings.resource
    assert world.records[-1]["tenant_id"] == "org_acme"


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(
    ("issued_for", "used_at"),
    [(ACME, OWN), (ACME, GLOBEX), (OWN, ACME), (OWN, GLOBEX), (GLOBEX, OWN), (GLOBEX, ACME)],
)
async def test_a_token_for_one_address_is_refused_at_every_other_a245(
    world: World, issued_for: str, used_at: str, warm: bool
) -> None:
    tenant = "org_globex" if issued_for == GLOBEX else "org_acme"
    token = token_for(world, issued_for, tenant)
    if warm:  # the gateway remembers that it has verified the token
        assert (await at(world, issued_for).post(LIST, token=token)).status_code == 200

    refused = await at(world, used_at).post(LIST, token=token)

    assert refused.status_code == 401
    challenge = refused.headers["www-authenticate"]
    assert 'error="invalid_token"' in challenge
    assert "the token is for another resource" in challenge
    assert f'resource_metadata="{world.settings.origin}{WELL_KNOWN}{used_at}"' in challenge
    assert (await at(world, issued_for).post(LIST, token=token)).status_code == 200


@pytest.mark.parametrize("warm", [False, True])
async def test_an_address_in_a_token_of_another_tenant_opens_nothing_a246(
    world: World, warm: bool
) -> None:
    token = token_for(world, GLOBEX, "org_acme")

    for _ in range(1 + warm):
        refused = await at(world, GLOBEX).post(LIST, token=token)

        assert refused.status_code == 401
        assert "the token is for another organisation" in refused.headers["www-authenticate"]


async def test_a_session_of_one_organisation_opens_nothing_at_another_a245(world: World) -> None:
    begin = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "Claude", "version": "1"},
    }
    acme, globex = at(world, ACME), at(world, GLOBEX)
    token = token_for(world, GLOBEX, "org_globex")
    begun = await acme.old("initialize", begin, token=token_for(world, ACME))
    headers = {
        "mcp-protocol-version": "2025-11-25",
        "mcp-session-id": begun.headers["mcp-session-id"],
    }

    other = await globex.post(LIST, token=token, headers=headers)

    assert other.status_code == 404
    assert (await globex.old("tools/list", token=token)).status_code == 200


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_another_spelling_of_a_path_is_no_organisations_address_a247(
    world: World, spelling: str
) -> None:
    answer = await at(world, spelling).post(LIST, token=token_for(world, ACME))

    if spelling in ("/mcp/o/ORG_ACME",):  # the address of another tenant, known or not
        assert answer.status_code == 401
    else:
        assert answer.status_code == 404
        assert world.settings.resource in answer.json()["error_description"]
    assert not world.api.requests


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(codec="utf-8"), max_size=40))
async def test_no_path_beneath_the_endpoint_fails_or_lets_a_stranger_in_a247(
    world: World, rest: str
) -> None:
    rest = quote(rest, safe="/:@!$&'()*+,;=~").replace("..", "")  # a client resolves dots itself
    answer = await at(world, f"/mcp/o/{rest}").post(LIST, token=None)

    assert answer.status_code in (401, 404)
    described = await world.http.get(f"{WELL_KNOWN}/mcp/o/{rest}")
    assert described.status_code in (200, 404)


@pytest.mark.parametrize(
    "tenant_id", ["org_acme", "nobody", "7c9e6679-7425-40de-944b-e07fc1f90ae7"]
)
async def test_every_organisation_is_described_alike_whether_or_not_it_exists_a250(
    world: World, tenant_id: str
) -> None:
    own = (await world.http.get(f"{WELL_KNOWN}/mcp")).json()
    address = f"{world.settings.resource}/o/{tenant_id}"

    answer = await world.http.get(f"{WELL_KNOWN}/mcp/o/{tenant_id}")

    assert answer.json() == {**own, "resource": address}
    assert answer.headers["access-control-allow-origin"] == "*"
    asked = await at(world, f"/mcp/o/{tenant_id}").post(LIST, token=None)
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"].startswith(
        f'Bearer resource_metadata="{world.settings.origin}{WELL_KNOWN}/mcp/o/{tenant_id}", '
        'scope="mcp:admin mcp:read mcp:write"'
    )


async def test_no_header_changes_which_organisation_is_described_a248(world: World) -> None:
    spoofed = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-prefix": "/mcp/o/org_globex",
        "x-original-url": GLOBEX,
        "x-rewrite-url": GLOBEX,
    }
    place = f"{WELL_KNOWN}{ACME}"

    usual, other = await world.http.get(place), await world.http.get(place, headers=spoofed)
    asked = await at(world, ACME).post(LIST, token=None, headers=spoofed)
    elsewhere = await at(world, ACME).post(
        LIST, token=token_for(world, ACME), headers={"host": "evil.example"}
    )

    assert usual.content == other.content
    assert f'{WELL_KNOWN}{ACME}"' in asked.headers["www-authenticate"]
    assert elsewhere.status_code == 421


async def test_a_missing_scope_is_asked_for_at_the_same_address(world: World) -> None:
    """MCP authorization, Runtime Insufficient Scope Errors."""
    token = world.token(aud=audience(world, ACME), scope="mcp:read")

    refused = await at(world, ACME).new(
        "tools/call", {"name": "create_task", "arguments": {"title": "x"}}, token=token
    )

    assert refused.status_code == 403
    assert f'{WELL_KNOWN}{ACME}"' in refused.headers["www-authenticate"]


async def test_a_browser_at_an_address_is_shown_how_to_connect_to_it(world: World) -> None:
    shown = await world.http.get(ACME, headers={"accept": "text/html"})

    assert shown.status_code == 303
    assert shown.headers["location"] == "http://127.0.0.1:8400/?organisation=org_acme"


async def test_an_api_key_works_at_its_own_organisations_address_only_a251(world: World) -> None:
    key = make_api_key("live", bytes(32)).text
    world.exchanges.worth[key] = {"grant_id": "key_1", "jti": "key_1.one"}
    headers = {**USUAL, "x-api-key": key}

    for _ in range(2):
        for path in (OWN, ACME):
            assert (await at(world, path).post(LIST, token=None, headers=headers)).is_success
    # The authorization server decides for each address, and its answers are kept apart.
    assert world.exchanges.asked == [key, f"{key} org_acme"]
    world.exchanges.worth[key] = {**world.exchanges.worth[key], "aud": audience(world, ACME)}
    other = await at(world, GLOBEX).post(LIST, token=None, headers=headers)
    assert other.status_code == 503  # a token for another address is not one for this


@pytest.mark.parametrize(
    ("resource", "address"),
    [
        ("https://mcp.example.com/o", "https://mcp.example.com/o/o/org_acme"),
        ("https://mcp.example.com/v1/mcp", "https://mcp.example.com/v1/mcp/o/org_acme"),
    ],
)
async def test_a_gateway_at_any_path_has_addresses_beneath_it(
    tmp_path: Path, resource: str, address: str
) -> None:
    async with a_world(tmp_path, resource=resource) as world:
        path = address.removeprefix("https://mcp.example.com")
        asked = await at(world, path).post(
            LIST, token=world.token(aud=address), headers={"host": "mcp.example.com"}
        )
        described = await world.http.get(f"{WELL_KNOWN}{path}")

        assert asked.status_code == 200, asked.text
        assert described.json()["resource"] == address
