"""Every kind of answer of an API, over a real socket, and the result that the model reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.http_client.http1 import Http1Client
from support.in_process.gateway import API, World, a_world
from support.processes.raw_api import Call, RawApi, running_raw_api
from support.processes.services import free_port

HTML = b"<html><body>Internal error on web-7.internal</body></html>"


def answer(status: str, content_type: str, body: bytes, *headers: str) -> bytes:
    """Write an answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
async def api() -> AsyncIterator[RawApi]:
    async with running_raw_api() as api:
        yield api


@asynccontextmanager
async def before(api: RawApi, folder: Path, **changes: Any) -> AsyncIterator[World]:
    """Open a gateway in front of an API on a socket."""
    async with (
        Http1Client(max_response=1 << 16) as upstream,
        a_world(folder, upstream=upstream, upstream_url=api.url, **changes) as world,
    ):
        yield world


@pytest.fixture
async def world(api: RawApi, tmp_path: Path) -> AsyncIterator[World]:
    async with before(api, tmp_path) as world:
        yield world


async def call(world: World, tool: str = "create_task") -> Any:
    """Call a tool that changes data, so that the request is not repeated."""
    return await world.call("new", tool, {"title": "x"} if tool == "create_task" else {})


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", "Done. The API answered 204 without content."),
        (answer("201 Created", "application/json", b'{"id":7}'), '{"id":7}'),
        (answer("200 OK", "text/plain", b"fine"), "fine"),
    ],
)
async def test_an_answer_that_succeeded_is_told(
    api: RawApi, world: World, raw: bytes, said: str
) -> None:
    api.answer(raw)
    result = await call(world)
    assert (result["isError"], result["content"][0]["text"]) == (False, said)


async def test_a_file_arrives_as_one(api: RawApi, world: World) -> None:
    api.answer(answer("200 OK", "application/pdf", b"%PDF-\xff"))
    [block] = (await call(world))["content"]
    assert block["resource"]["mimeType"] == "application/pdf"
    assert block["resource"]["blob"] == "JVBERi3/"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (answer("404 Not Found", "text/html", HTML), "The API answered 404 Not Found."),
        (
            answer("500 Internal Server Error", "text/html", HTML),
            "The API answered 500 Internal Server Error.",
        ),
        (
            answer("422 X", "application/json", b'{"message":"due: no date"}'),
            "The API answered 422 Unprocessable Entity.\nmessage: due: no date",
        ),
        (
            answer("429 X", "", b"", "Retry-After: 30"),
            ("The API answered 429 Too Many Requests.\nTry again in 30 seconds."),
        ),
        (
            answer("302 Found", "", b"", "Location: http://169.254.169.254/"),
            "The API answered 302 Found: a redirect, which is not followed.",
        ),
        (answer("503 X", "text/html", HTML), "The API answered 503 Service Unavailable."),
        (
            answer("200 OK", "application/json", b"x" * (1 << 16) + b"x"),
            "The API's answer is larger than 0.0625 MiB. Request less at a time.",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n",
            "The API's answer is larger than 0.0625 MiB. Request less at a time.",
        ),
    ],
)
async def test_an_answer_that_failed_is_told_in_words_to_act_on(
    api: RawApi, world: World, raw: bytes, said: str
) -> None:
    api.answer(raw)
    result = await call(world)
    assert (result["isError"], result["content"][0]["text"]) == (True, said)
    assert len(api.calls) == 1
    assert world.records[-1]["decision"] == "failed"


@pytest.mark.parametrize(
    "raw",
    [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: a\r\n\r\n", b"HTTP/1.1"],
)
async def test_an_answer_that_is_not_http_is_reported_as_unreadable(
    api: RawApi, world: World, raw: bytes
) -> None:
    api.answer(raw, then_close=True)
    result = await call(world)
    assert result["isError"] is True
    assert result["content"][0]["text"].startswith("The API")
    assert "127.0.0.1" not in result["content"][0]["text"]


async def test_a_call_to_a_hanging_api_ends_with_an_unknown_outcome(
    api: RawApi, tmp_path: Path
) -> None:
    api.script = Call.never
    (tmp_path / "openapi.yaml").write_bytes((API / "openapi.yaml").read_bytes())
    tools = (API / "tools.yaml").read_text()
    tools = tools.replace("operation: createTask", "operation: createTask\n    deadline: 0.2")
    (tmp_path / "tools.yaml").write_text(tools)
    async with before(api, tmp_path, manifest=tmp_path / "tools.yaml") as world:
        result = await call(world)
    assert result["content"][0]["text"] == (
        "The API did not answer within 0.2 seconds. The call may or may not have taken effect."
    )


async def test_an_api_that_breaks_off_is_asked_again_where_nothing_can_have_changed(
    api: RawApi, world: World
) -> None:
    async def reset(call: Call) -> None:
        call.reset()

    api.script = reset
    said = "The API can't be reached, or it closed the connection."
    assert (await call(world))["content"][0]["text"] == said
    assert len(api.calls) == 1
    assert (await call(world, "list_tasks"))["content"][0]["text"] == said
    assert len(api.calls) == 4


async def test_an_unreachable_api_is_reported(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with (
        Http1Client() as upstream,
        a_world(tmp_path, upstream=upstream, upstream_url=url) as world,
    ):
        result = await call(world)
    assert result["content"][0]["text"] == "The API can't be reached, or it closed the connection."


async def test_a_hundred_calls_under_way_each_get_their_own_answer(
    api: RawApi, world: World
) -> None:
    async def echo(call: Call) -> None:
        tenant = call.head.split(b"tenant_id=")[1].split(b" ")[0]
        await call.say(answer("200 OK", "application/json", b'{"tenant":"%s"}' % tenant))

    api.script = echo
    tenants = [f"org_{number}" for number in range(100)]
    results = await asyncio.gather(
        *(
            world.call("new", "list_tasks", token=world.token(tenant_id=tenant))
            for tenant in tenants
        )
    )
    assert [result["structuredContent"]["tenant"] for result in results] == tenants


async def test_an_answer_falsely_declared_as_json_is_never_structured(
    api: RawApi, world: World
) -> None:
    api.answer(answer("200 OK", "application/json", b'{"cut'))
    result = await call(world)
    assert result["content"] == [{"type": "text", "text": '{"cut'}]
    assert "structuredContent" not in result
