"""Prompts of the manifest: listed for callers who may use them, filled in, completed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.in_process.gateway import API, World, a_world

ERAS = pytest.mark.parametrize("era", ["old", "new"])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, manifest=API / "talking.yaml") as opened:
        yield opened


async def names(world: World, era: str, *allowed: str) -> list[str]:
    """List the prompts that a caller with these tools sees."""
    answer = await world.ask(era, "prompts/list", token=world.token(allowed_tools=list(allowed)))
    return [prompt["name"] for prompt in answer.json()["result"]["prompts"]]


@ERAS
async def test_prompts_are_listed_in_order_with_their_arguments(world: World, era: str) -> None:
    result = (await world.ask(era, "prompts/list")).json()["result"]
    assert [prompt["name"] for prompt in result["prompts"]] == ["clean_up", "plan_week"]
    assert result["prompts"][1] == {
        "name": "plan_week",
        "title": "Plan the week",
        "description": "Plan the week",
        "arguments": [
            {"name": "team", "required": True, "description": "Whose week"},
            {"name": "focus", "required": False, "description": "What matters most"},
        ],
    }
    assert ("ttlMs" in result) is (era == "new")


@ERAS
async def test_a_prompt_whose_tools_are_not_allowed_does_not_exist(world: World, era: str) -> None:
    assert await names(world, era, "@read") == ["plan_week"]
    assert await names(world, era, "delete_task") == ["clean_up"]
    assert await names(world, era) == []
    reader = world.token(allowed_tools=["@read"])
    for name in ("clean_up", "nothing"):
        answer = await world.ask(era, "prompts/get", {"name": name}, token=reader)
        assert answer.json()["error"]["code"] == -32602
        assert answer.json()["error"]["message"] == f"Unknown prompt: {name}"


@ERAS
async def test_a_filled_in_prompt_follows_its_attachments(world: World, era: str) -> None:
    arguments = {"team": "design {{focus}}", "focus": "Hiring"}
    params = {"name": "plan_week", "arguments": arguments}
    result = (await world.ask(era, "prompts/get", params)).json()["result"]
    blocks = [message["content"] for message in result["messages"]]
    assert [block["type"] for block in blocks] == ["resource", "image", "text"]
    assert blocks[0]["resource"]["uri"] == "tracker://guide"
    assert blocks[2]["text"] == "Plan the week of design {{focus}}. Hiring"


@ERAS
@pytest.mark.parametrize("arguments", [None, {}, {"focus": "x"}, [], {"team": 1}, "x"])
async def test_a_prompt_that_lacks_an_argument_is_refused(
    world: World, era: str, arguments: object
) -> None:
    params = {"name": "plan_week", "arguments": arguments}
    error = (await world.ask(era, "prompts/get", params)).json()["error"]
    assert error["code"] == -32602
    assert error["message"].startswith("params.arguments")


@ERAS
@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("", ["design", "engineering", "sales"]),
        ("S", ["sales", "design"]),
        ("en", ["engineering"]),
        ("x", []),
    ],
)
async def test_an_argument_is_completed_while_it_is_typed(
    world: World, era: str, typed: str, values: list[str]
) -> None:
    params = {
        "ref": {"type": "ref/prompt", "name": "plan_week"},
        "argument": {"name": "team", "value": typed},
    }
    result = (await world.ask(era, "completion/complete", params)).json()["result"]
    assert result["completion"] == {"values": values, "total": len(values), "hasMore": False}


@ERAS
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ref": 1, "argument": {}},
        {"ref": {"type": "ref/prompt"}, "argument": {"name": "a", "value": "b"}},
        {"ref": {"type": "ref/prompt", "name": "nothing"}, "argument": {"name": "a", "value": ""}},
        {"ref": {"type": "?"}, "argument": {"name": "a", "value": ""}},
        {"ref": {"type": "ref/prompt", "name": "plan_week"}, "argument": {"name": {}, "value": 1}},
    ],
)
async def test_a_malformed_completion_is_refused(
    world: World, era: str, params: dict[str, Any]
) -> None:
    error = (await world.ask(era, "completion/complete", params)).json()["error"]
    assert error["code"] == -32602


@ERAS
async def test_only_existing_features_are_declared(world: World, era: str, tmp_path: Path) -> None:
    async with a_world(tmp_path) as plain:
        for one, declared in ((world, True), (plain, False)):
            person = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
            method = "initialize" if era == "old" else "server/discover"
            result = (await one.ask(era, method, person)).json()["result"]
            capabilities = result["capabilities"]
            for name in ("prompts", "resources", "completions"):
                assert (name in capabilities) is declared
            assert capabilities["tools"] == {"listChanged": True}
