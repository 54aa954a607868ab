"""The HTTP checks that come before the protocol."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.in_process.gateway import MODERN, World, a_world

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
CHALLENGE = (
    'Bearer resource_metadata="http://127.0.0.1:8401/.well-known/oauth-protected-resource/mcp",'
    ' scope="mcp:admin mcp:read mcp:write", DPoP algs="ES256 EdDSA Ed25519"'
)


@pytest.mark.parametrize("authorization", [None, "Basic YWRhOnB3", "Bearer", "Bearer  "])
async def test_a_client_without_a_token_is_told_where_to_get_one_a120(
    world: World, authorization: str | None
) -> None:
    """RFC 6750 §3.1: no error where no token was sent; RFC 9728 §5.1."""
    headers = {} if authorization is None else {"authorization": authorization}
    answer = await world.post(LIST, token=None, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, CHALLENGE)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT", "OPTIONS"])
async def test_a_client_that_looks_before_it_posts_is_told_where_to_get_a_token_a120(
    world: World, method: str
) -> None:
    """claude.ai and several proxies probe the endpoint before they post."""
    answer = await world.http.request(method, "/mcp")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, CHALLENGE)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_bearer_in_any_case(world: World, scheme: str) -> None:
    headers = {"authorization": f"{scheme} {world.token()}"}
    assert (await world.post(LIST, headers=headers)).status_code == 200


async def test_a_token_in_the_query_is_not_looked_at_a119(world: World) -> None:
    """MCP authorization, Token Requirements."""
    answer = await world.http.post(f"/mcp?access_token={world.token()}", json=LIST)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, CHALLENGE)


async def test_two_authorization_headers_are_refused_even_if_both_are_valid_a119(
    world: World,
) -> None:
    good = ("authorization", f"Bearer {world.token()}")
    answer = await world.http.post("/mcp", json=LIST, headers=[good, good])
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_an_error_description_can_not_be_mistaken_for_a_parameter(world: World) -> None:
    answer = await world.post(LIST, token=world.token(data_scope='x" scope="mcp:admin"'))
    challenge = answer.headers["www-authenticate"]
    assert challenge.count('"') == 8
    assert challenge.count("scope=") == 1
    assert challenge.count("error=") == 1


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:8401.evil"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
async def test_a_page_of_another_origin_is_refused_a126(
    world: World, origin: str, method: str
) -> None:
    """Streamable HTTP, Security 1."""
    headers = {
        "origin": origin,
        "authorization": f"Bearer {world.token()}",
        "access-control-request-method": "POST",
    }
    answer = await world.http.request(method, "/mcp", json=LIST, headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:8401.evil.example"])
async def test_a_request_for_another_host_is_misdirected_a126(world: World, host: str) -> None:
    """DNS rebinding: Host has the name that the browser was tricked into."""
    answer = await world.post(LIST, headers={"host": host})
    assert answer.status_code == 421
    assert "connect to http://127.0.0.1:8401/mcp" in answer.json()["error_description"]


@pytest.mark.parametrize("host", ["localhost:8401", "LocalHost:8401", "[::1]:8401"])
async def test_a_gateway_on_this_machine_answers_to_every_loopback_name(
    world: World, host: str
) -> None:
    answer = await world.post(LIST, headers={"host": host})
    assert answer.status_code == 200


async def test_a_page_of_any_port_of_this_machine_may_call_if_the_settings_say_so(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path, allowed_origins=("http://localhost:*",)) as world:
        for origin, status in (
            ("http://localhost:6274", 200),
            ("http://localhost:5173", 200),
            ("http://localhost.evil.example:80", 403),
            ("http://evil.example:6274", 403),
            ("https://localhost:6274", 403),
            ("http://localhost:x", 403),
        ):
            answer = await world.post(LIST, headers={"origin": origin})
            assert answer.status_code == status, origin
            allowed = answer.headers.get("access-control-allow-origin")
            assert allowed == (origin if status == 200 else None)


async def test_a_browser_client_of_a_configured_origin_may_read_the_answers(
    tmp_path: Path,
) -> None:
    origin = "https://inspector.example"
    async with a_world(tmp_path, allowed_origins=(origin,)) as world:
        asked = {
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,mcp-protocol-version",
        }
        preflight = await world.http.options("/mcp", headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == origin
        allowed = preflight.headers["access-control-allow-headers"].split(", ")
        assert {"authorization", "content-type", "mcp-protocol-version", "mcp-name"} < set(allowed)
        assert "access-control-allow-credentials" not in preflight.headers
        refused = await world.post(LIST, token=None, headers={"origin": origin})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == origin
        assert "www-authenticate" in refused.headers["access-control-expose-headers"]


@pytest.mark.parametrize("method", ["DELETE", "PUT", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_other_methods_than_get_and_post_are_refused(
    world: World, method: str, path: str
) -> None:
    answer = await world.http.request(
        method, path, headers={"authorization": f"Bearer {world.token()}"}
    )
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_the_newest_revision_has_no_get(world: World, path: str) -> None:
    """2026-07-28 streamable HTTP, Earlier Revisions."""
    headers = {
        "authorization": f"Bearer {world.token()}",
        "accept": "text/event-stream",
        "mcp-protocol-version": MODERN,
    }
    answer = await world.http.get(path, headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("accept", ["*/*", "text/*", "application/json"])
async def test_a_get_that_names_no_stream_is_told_to(world: World, accept: str) -> None:
    """A health check or a browser that has a token must not open a stream."""
    headers = {"authorization": f"Bearer {world.token()}", "accept": accept}
    answer = await world.http.get("/mcp", headers=headers)
    assert answer.status_code == 406
    assert answer.json()["error_description"] == "send Accept: text/event-stream"


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/"])
async def test_a_browser_that_opens_the_address_gets_the_page_that_connects_apps(
    world: World, path: str
) -> None:
    shown = await world.http.get(path, headers={"accept": BROWSER})
    assert (shown.status_code, shown.headers["location"]) == (303, "http://127.0.0.1:8400/")


async def test_no_client_is_taken_for_a_browser(world: World) -> None:
    for accept in ("text/event-stream", "application/json, text/event-stream", "*/*", ""):
        probe = await world.http.get("/mcp", headers={"accept": accept})
        assert (probe.status_code, "www-authenticate" in probe.headers) == (401, True)
    posted = await world.post(LIST, token=None, headers={"accept": BROWSER})
    with_token = {"accept": BROWSER, "authorization": f"Bearer {world.token()}"}
    fetched = await world.http.get("/mcp", headers=with_token)
    missing = await world.http.get("/register", headers={"accept": BROWSER})
    assert [answer.status_code for answer in (posted, fetched, missing)] == [401, 406, 404]


async def test_the_endpoint_answers_with_and_without_a_slash_and_never_redirects(
    world: World,
) -> None:
    headers = {"authorization": f"Bearer {world.token()}"}
    for path in ("/mcp", "/mcp/"):
        assert (await world.http.post(path, json=LIST, headers=headers)).status_code == 200
    for path in ("/mcp/x", "/MCP", "/register", "/token", "/authorize"):
        answer = await world.http.post(path, json=LIST, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_beyond_one_mebibyte_is_refused_a157(world: World, announced: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 65536

    content = b" " * (17 * 65536) if announced else pieces()
    answer = await world.http.post("/mcp", content=content)
    assert answer.status_code == 413


async def test_every_answer_has_its_own_request_id(world: World) -> None:
    ids = {(await world.post(LIST, token=token)).headers["x-request-id"] for token in ("", None)}
    assert len(ids) == 2
