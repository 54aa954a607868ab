"""The model's errors when the API misbehaves, over real connections and through every step."""

import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcp_gateway.http_client.http1 import Http1Client
from support.in_process.gateway import API, World, a_world
from support.processes.raw_api import Call, RawApi, running_raw_api

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GONE = "The API can't be reached, or it closed the connection."
NO_HTTP = "The API's answer is not valid HTTP."
TOO_LARGE = "The API's answer is larger than 4 MiB. Request less at a time."
LATE = "The API did not answer within 1.5 seconds. The call may or may not have taken effect."


@dataclass(frozen=True, slots=True)
class Deployment:
    """A gateway, and the API it calls."""

    world: World
    api: RawApi

    async def call(self, tool: str = "list_tasks", arguments: Any = None) -> tuple[bool, str]:
        """Call a tool; return whether it failed, and the text for the model."""
        result = await self.world.call("new", tool, arguments)
        return result["isError"], result["content"][0]["text"]

    def answer(self, pieces: Sequence[bytes], end: str = "close") -> None:
        """Answer each request with these bytes, and then `close`, `reset`, `hang` or `go on`."""

        async def script(call: Call) -> None:
            await call.say(*pieces)
            if end == "close":
                call.close()
            elif end == "reset":
                call.reset()
            elif end == "hang":
                await call.never()
            else:
                while not call.writer.is_closing():
                    await call.say(pieces[-1])

        self.api.script = script


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    """Serve two tools that may take 1.5 seconds."""
    shutil.copy(API / "openapi.yaml", tmp_path)
    manifest = yaml.safe_load((API / "tools.yaml").read_text())
    manifest["tools"] = {
        name: {**manifest["tools"][name], "deadline": 1.5} for name in ("list_tasks", "create_task")
    }
    (tmp_path / "tools.yaml").write_text(yaml.safe_dump(manifest))
    async with (
        running_raw_api() as api,
        Http1Client() as upstream,
        a_world(
            tmp_path, upstream=upstream, upstream_url=api.url, manifest=tmp_path / "tools.yaml"
        ) as world,
    ):
        yield Deployment(world, api)


FAULTS = {
    "hangs before it answers": ([], "hang", LATE),
    "hangs in its head": ([OK], "hang", LATE),
    "hangs in its answer": ([OK + b"Content-Length: 9\r\n\r\n{"], "hang", LATE),
    "resets": ([], "reset", GONE),
    "resets in its answer": ([CHUNKED, b"5\r\n{"], "reset", GONE),
    "promises more than it sends": ([OK + b"Content-Length: 9\r\n\r\n{}"], "close", GONE),
    "ends before its last chunk": ([CHUNKED, b"2\r\n{}\r\n"], "close", GONE),
    "floods": ([OK + b"\r\n", b"x" * (1 << 20)], "go on", TOO_LARGE),
    "floods in chunks": ([CHUNKED, b"10000\r\n" + b"x" * (1 << 16) + b"\r\n"], "go on", TOO_LARGE),
    "announces 100 MB": ([OK + b"Content-Length: 104857600\r\n\r\n"], "hang", TOO_LARGE),
    "says no HTTP": ([b"SSH-2.0-OpenSSH_9.2\r\n"], "hang", NO_HTTP),
    "has two lengths": (
        [OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"],
        "hang",
        NO_HTTP,
    ),
    "breaks its chunks": ([CHUNKED, b"2\r\n{}}\r\n0\r\n\r\n"], "hang", NO_HTTP),
    "never ends its headers": (
        [OK, b"X-More: 1\r\n" * 1000],
        "go on",
        "The API's answer has too many headers.",
    ),
    "never ends one header": (
        [OK + b"X: ", b"x" * (1 << 15)],
        "go on",
        "The API's answer has too long a head.",
    ),
    "changes the protocol": (
        [b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
        "hang",
        "The API's answer changes to a protocol not asked for.",
    ),
    "packs its answer in an unknown way": (
        [OK + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\nxx"],
        "close",
        "The API's answer is in an encoding not asked for.",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_model_is_told_what_the_api_did(deployment: Deployment, fault: str) -> None:
    pieces, end, message = FAULTS[fault]
    deployment.answer(pieces, end)
    assert await deployment.call() == (True, message)
    [record] = deployment.world.records
    assert (record["decision"], record["error"]) == ("failed", message)
    # The gateway itself still works.
    deployment.answer([OK + b'Content-Length: 12\r\n\r\n{"tasks":[]}'], "close")
    assert await deployment.call() == (False, '{"tasks":[]}')


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_change_that_may_have_been_made_is_not_made_again(
    deployment: Deployment, end: str
) -> None:
    deployment.answer([], end)
    assert await deployment.call("create_task", {"title": "x"}) == (True, GONE)
    assert len(deployment.api.calls) == 1


async def test_an_answer_that_comes_slowly_is_an_answer(deployment: Deployment) -> None:
    text = OK + b'Content-Length: 12\r\n\r\n{"tasks":[]}'
    deployment.answer([text[n : n + 1] for n in range(len(text))], "close")
    assert await deployment.call() == (False, '{"tasks":[]}')


async def test_json_that_is_broken_is_shown_as_the_text_it_is(deployment: Deployment) -> None:
    deployment.answer([OK + b'Content-Length: 9\r\n\r\n{"tasks":'], "close")
    result = await deployment.world.call("new", "list_tasks")
    assert result["content"][0]["text"] == '{"tasks":'
    assert "structuredContent" not in result


async def test_an_api_that_promises_less_than_it_sends_answers_nobody_else(
    deployment: Deployment,
) -> None:
    answer = OK + b'Content-Length: 12\r\n\r\n{"tasks":[]}'
    deployment.answer([answer + answer.replace(b"[]", b"[1]")], "hang")
    for _ in range(3):
        assert await deployment.call() == (False, '{"tasks":[]}')


@pytest.mark.parametrize(
    ("setting", "connections"),
    [("shared", [1, 1, 1, 1]), ("per_tenant", [1, 2, 1, 2]), ("single_use", [1, 2, 3, 4])],
)
async def test_an_operator_decides_which_calls_share_a_connection(
    tmp_path: Path, setting: str, connections: list[int]
) -> None:
    """An API that answers late answers the next call, which may be another tenant's."""
    async with (
        running_raw_api() as api,
        Http1Client() as upstream,
        a_world(
            tmp_path, upstream=upstream, upstream_url=api.url, upstream_connections=setting
        ) as world,
    ):
        for tenant in ("org_acme", "org_globex") * 2:
            token = world.token(tenant_id=tenant)
            await world.call("new", "get_task", {"id": "7"}, token=token)
    assert [call.connection for call in api.calls] == connections
