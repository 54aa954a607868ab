"""The routes beside the MCP endpoint: what clients, the authorization server and operators read."""

from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from gatepost.catalogue import CatalogueDocument
from support.in_process.gateway import World, a_world

PLACES = ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"]


@pytest.mark.parametrize("place", PLACES)
async def test_the_resource_is_described_byte_for_byte_as_configured(
    tmp_path: Path, place: str
) -> None:
    """RFC 9728 §2, §3.1; clients compare issuer and resource as strings."""
    resource, issuer = "https://mcp.example.com:8443/mcp", "https://auth.example.com/tenants/One"
    async with a_world(tmp_path, resource=resource, issuer=issuer) as world:
        answer = await world.http.get(place)
        assert "mcp.example.com:8443" in world.settings.allowed_hosts  # what clients send as Host
        assert answer.json() == {
            "resource": resource,
            "authorization_servers": [issuer],
            "scopes_supported": ["mcp:admin", "mcp:read", "mcp:write"],
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "Ed25519"],
            "resource_name": "Tracker",
        }
        assert answer.headers["access-control-allow-origin"] == "*"


SPOOFED = {
    "host": "evil.example",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "http",
    "forwarded": "host=evil.example;proto=http",
}


@pytest.mark.parametrize("place", [*PLACES, "/.well-known/jwks.json"])
async def test_no_header_changes_a_byte_of_what_the_gateway_publishes_a133(
    world: World, place: str
) -> None:
    usual = await world.http.get(place)

    assert (await world.http.get(place, headers=SPOOFED)).content == usual.content


async def test_no_header_changes_where_a_client_is_sent_for_a_token_a133(world: World) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    spoofed = {name: value for name, value in SPOOFED.items() if name != "host"}
    usual, other = [
        await world.post(body, token=None, headers=headers) for headers in ({}, spoofed)
    ]

    assert usual.status_code == other.status_code == 401
    assert usual.headers["www-authenticate"] == other.headers["www-authenticate"]


@pytest.mark.parametrize("place", PLACES)
async def test_a_browser_may_ask_for_the_description_with_its_protocol_header(
    world: World, place: str
) -> None:
    asked = {
        "origin": "https://anywhere.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "mcp-protocol-version",
    }
    answer = await world.http.options(place, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "mcp-protocol-version" in answer.headers["access-control-allow-headers"]


async def test_an_assertion_is_verifiable_with_the_published_key(world: World) -> None:
    document = (await world.http.get("/.well-known/jwks.json")).json()
    assert not {"d", "p", "q", "k"} & set(document["keys"][0])
    await world.call("new", "list_tasks")
    assertion = world.api.header("gatepost-assertion") or ""
    keys = KeySet.import_key_set(document)
    assert jws.deserialize_compact(assertion, keys, algorithms=["ES256"])


async def test_the_authorization_server_reads_the_catalogue(world: World) -> None:
    token = world.token(scope="gatepost:catalogue", tenant_id="", allowed_tools=[])
    answer = await world.http.get(
        "/internal/catalogue", headers={"authorization": f"Bearer {token}"}
    )
    document = CatalogueDocument.model_validate_json(answer.content)
    assert document.resource == "http://127.0.0.1:8401/mcp"
    assert [tool.name for tool in document.tools] == [
        "create_task",
        "delete_task",
        "get_task",
        "list_tasks",
        "list_team_tasks",
    ]
    assert [tool.name for tool in document.tools if tool.destructive] == ["delete_task"]


async def test_nobody_else_reads_the_catalogue(world: World) -> None:
    good = f"Bearer {world.token(scope='gatepost:catalogue')}"
    everything = world.token(scope="mcp:admin mcp:read mcp:write", allowed_tools=["@read"])
    tries = [
        [],
        [("authorization", f"Bearer {everything}")],
        [("authorization", good), ("authorization", good)],
        [("authorization", "Bearer x.y.z")],
        [("authorization", f"Basic {world.token(scope='gatepost:catalogue')}")],
    ]
    for headers in tries:
        answer = await world.http.get("/internal/catalogue", headers=headers)
        assert answer.status_code == 401
        assert "tools" not in answer.text


async def test_unknown_paths_and_methods_are_answered_in_json(world: World) -> None:
    for method in ("GET", "POST"):
        answer = await world.http.request(method, "/")
        assert answer.status_code == 404
        assert answer.json() == {
            "error": "not_found",
            "error_description": "the MCP endpoint is http://127.0.0.1:8401/mcp",
        }
    answer = await world.http.post("/livez")
    assert (answer.status_code, answer.json()) == (405, {"error": "method_not_allowed"})
    assert (await world.http.get("/livez")).json() == {"status": "ok"}


async def test_an_operator_may_let_clients_begin_with_less_than_every_scope(tmp_path: Path) -> None:
    """MCP authorization, Scope Selection Strategy: the challenge first, then `scopes_supported`."""
    async with a_world(tmp_path, challenge_scope="mcp:read") as world:
        refused = await world.post({}, token=None)
        described = (await world.http.get(PLACES[0])).json()
    assert 'scope="mcp:read"' in refused.headers["www-authenticate"]
    assert described["scopes_supported"] == ["mcp:admin", "mcp:read", "mcp:write"]
