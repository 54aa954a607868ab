"""The `Content-Type` and `Accept` headers that the gateway requires."""

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
        ("text/event-stream", 406),
        ("text/html", 406),
        ("", 406),
    ],
)
async def test_a_client_that_takes_no_json_is_told_what_to_accept(
    world: World, accept: str, status: int
) -> None:
    assert (await world.post(LIST, headers={"accept": accept})).status_code == status


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
