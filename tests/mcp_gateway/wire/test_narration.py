"""Progress and log messages during a call of a slow tool."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.in_process.gateway import API, World, a_world
from support.in_process.talk import initialize, talking

CALL: dict[str, Any] = {"name": "list_tasks", "arguments": {}}
LEVEL = "io.modelcontextprotocol/logLevel"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, manifest=API / "talking.yaml") as opened:
        yield opened


async def hear(world: World, era: str, meta: dict[str, Any], name: str = "list_tasks") -> list[Any]:
    """Call a tool and read all that comes."""
    params = {"name": name, "arguments": {} if name == "list_tasks" else {"id": "1"}, "_meta": meta}
    async with talking(world, era, "tools/call", params) as talk:
        return await talk.messages()


@pytest.mark.parametrize("token", ["t", "", 0, 7])
async def test_progress_grows_under_the_clients_token_and_ends_before_the_answer(
    world: World, token: str | int
) -> None:
    """MCP progress."""
    *told, answer = await hear(world, "new", {"progressToken": token})
    assert {message["method"] for message in told} == {"notifications/progress"}
    assert {message["params"]["progressToken"] for message in told} == {token}
    done = [message["params"]["progress"] for message in told]
    assert done == sorted(set(done))
    assert len(done) >= 3
    assert done[-1] == told[-1]["params"]["total"]
    assert answer["id"] == 1


@pytest.mark.parametrize("token", [None, [1], {"a": 1}, True, 1.5])
async def test_an_invalid_progress_token_is_not_echoed(world: World, token: object) -> None:
    [answer] = await hear(world, "new", {"progressToken": token})
    assert answer["result"]["isError"] is False


@pytest.mark.parametrize(("level", "heard"), [("debug", 3), ("info", 3), ("error", 0), (None, 0)])
async def test_log_messages_come_only_where_a_newer_client_asks_for_their_level(
    world: World, level: object, heard: int
) -> None:
    """2026-07-28 logging: none without `logLevel`."""
    meta = {} if level is None else {LEVEL: level}
    *told, _ = await hear(world, "new", meta)
    assert [message["method"] for message in told] == ["notifications/message"] * heard


@pytest.mark.parametrize("level", ["loud", 1, {"a": 1}])
async def test_a_newer_client_that_asks_for_an_unknown_level_is_told_the_levels(
    world: World, level: object
) -> None:
    """2026-07-28 logging, Error Handling."""
    [answer] = await hear(world, "new", {LEVEL: level})
    assert answer["error"]["code"] == -32602
    assert f"params._meta.{LEVEL} must be one of debug, info" in answer["error"]["message"]


async def test_an_older_client_is_told_of_a_slow_call_and_of_no_other(world: World) -> None:
    *told, _ = await hear(world, "old", {})
    assert [message["params"]["level"] for message in told] == ["info"] * 3
    [answer] = await hear(world, "old", {"progressToken": 1}, "get_task")
    assert answer["result"]["isError"] is False


async def test_log_messages_contain_no_argument_and_no_token(world: World) -> None:
    params = {"name": "list_tasks", "arguments": {"q": "confidential"}}
    async with talking(world, "old", "tools/call", params) as talk:
        *told, _ = await talk.messages()
    assert "confidential" not in str(told)
    assert "eyJ" not in str(told)


@pytest.mark.parametrize(("level", "heard"), [("debug", 3), ("info", 3), ("notice", 0)])
async def test_an_older_client_hears_the_levels_that_it_set(
    world: World, level: str, heard: int
) -> None:
    session = await initialize(world, {})
    set_level = {"jsonrpc": "2.0", "id": 1, "method": "logging/setLevel"}
    answer = await world.post({**set_level, "params": {"level": level}}, headers=session)
    assert answer.json()["result"] == {}
    async with talking(world, "old", "tools/call", CALL, headers=session) as talk:
        *told, _ = await talk.messages()
    assert len(told) == heard
    other = await initialize(world, {})
    async with talking(world, "old", "tools/call", CALL, headers=other) as talk:
        assert len(await talk.messages()) == 4


@pytest.mark.parametrize("level", ["loud", 1, None, {"a": 1}])
async def test_an_unknown_level_is_refused(world: World, level: object) -> None:
    answer = await world.old("logging/setLevel", {"level": level})
    assert answer.json()["error"]["code"] == -32602
    assert "notice" in answer.json()["error"]["message"]


async def test_a_newer_client_has_no_level_to_set(world: World) -> None:
    answer = await world.new("logging/setLevel", {"level": "info"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)


async def test_a_slow_call_in_a_batch_says_nothing_before_the_answers(world: World) -> None:
    call = {"jsonrpc": "2.0", "method": "tools/call", "params": {**CALL, "_meta": {}}}
    batch = [{**call, "id": 1}, {**call, "id": 2}]
    answer = await world.post(batch, headers={"mcp-protocol-version": "2025-03-26"})
    assert answer.headers["content-type"] == "application/json"
    assert [item["id"] for item in answer.json()] == [1, 2]


async def test_an_error_keeps_its_status_if_no_message_was_sent_before(
    world: World,
) -> None:
    """Once a stream is open, its status is decided."""
    params = {"name": "nothing", "arguments": {}, "_meta": {"progressToken": 1}}
    async with talking(world, "new", "tools/call", params) as talk:
        [answer] = await talk.messages()
    assert (talk.status, answer["error"]["code"]) == (400, -32602)
    assert talk.headers["content-type"] == "application/json"
