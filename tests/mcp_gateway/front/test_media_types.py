"""The `Content-Type` and `Accept` headers that the gateway requires."""

import gzip

import orjson
import pytest

from support.in_process.gateway import World

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
async def test_a_body_that_is_not_called_json_is_refused(world: World, content_type: str) -> None:
    """These are the types that a foreign web page can send without a preflight."""
    answer = await world.post(LIST, headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["error"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["Application/JSON", "application/json; charset=utf-8"])
async def test_json_may_be_called_so_in_any_case_and_with_parameters(
    world: World, content_type: str
) -> None:
    assert (await world.post(LIST, headers={"content-type": content_type})).status_code == 200


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("text/event-stream;q=1, APPLICATION/json ; q=0.5", 200),
        ("text/html", 406),
        ("", 406),
    ],
)
async def test_a_client_that_does_not_accept_json_is_told_the_fix(
    world: World, accept: str, status: int
) -> None:
    assert (await world.post(LIST, headers={"accept": accept})).status_code == status


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, identity"])
async def test_a_compressed_body_is_refused_by_name(world: World, coding: str) -> None:
    body = gzip.compress(orjson.dumps(LIST))
    answer = await world.post(body, headers={"content-encoding": coding})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    assert "Content-Encoding" in answer.json()["error_description"]


async def test_a_body_that_is_called_uncompressed_is_read(world: World) -> None:
    assert (await world.post(LIST, headers={"content-encoding": "identity"})).status_code == 200


async def test_a_client_that_accepts_a_stream_alone_gets_one(world: World) -> None:
    stream = {"accept": "text/event-stream"}
    answer = await world.post(LIST, headers=stream)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
    data = answer.text.removeprefix("data: ").removesuffix("\n\n")
    assert orjson.loads(data) == (await world.post(LIST)).json()

    sent = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await world.post(sent, headers=stream)).status_code == 202
    refused = await world.post({"jsonrpc": "2.0"}, headers=stream)
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/json")


async def test_a_client_that_accepts_a_stream_alone_gets_its_session(world: World) -> None:
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "c", "version": "1"},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    answer = await world.post(message, headers={"accept": "text/event-stream"})
    assert answer.headers["content-type"] == "text/event-stream"
    session = {"mcp-session-id": answer.headers["mcp-session-id"]}
    assert (await world.post(LIST, headers=session)).status_code == 200


async def test_a_page_may_send_the_headers_that_repeat_arguments_and_read_its_session(
    world: World,
) -> None:
    headers = {
        "origin": "http://127.0.0.1:8401",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, Mcp-Param-Region, x-evil",
    }
    preflight = await world.http.request("OPTIONS", "/mcp", headers=headers)
    allowed = preflight.headers["access-control-allow-headers"].split(", ")
    assert "mcp-param-region" in allowed
    assert "x-evil" not in allowed
    assert "mcp-session-id" in preflight.headers["access-control-expose-headers"]
