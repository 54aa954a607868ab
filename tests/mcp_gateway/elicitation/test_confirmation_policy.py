"""The operator's policy for confirming destructive tools."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from support.in_process.gateway import World, a_world
from support.in_process.talk import initialize, talking

DELETE: dict[str, Any] = {"name": "delete_task", "arguments": {"id": "7"}}


def gateway(folder: Path, policy: str, **tenants: str) -> AbstractAsyncContextManager[World]:
    """Open a gateway with this policy."""
    return a_world(folder, confirm_destructive=policy, confirm_destructive_for=tenants)


async def delete(world: World, era: str, *, can_ask: bool, **claims: Any) -> dict[str, Any]:
    """Delete a task by a client with or without forms; return the first message."""
    token = world.token(scope="mcp:admin", **claims)
    can: dict[str, Any] = {"elicitation": {"form": {}}} if can_ask else {}
    headers = {"authorization": f"Bearer {token}"}
    params = DELETE
    if era == "new":
        params = {**DELETE, "_meta": {"io.modelcontextprotocol/clientCapabilities": can}}
    else:
        headers |= await initialize(world, can, token=token)
    async with talking(world, era, "tools/call", params, headers=headers) as talk:
        answer: dict[str, Any] = await talk.message()
    return answer


def question(answer: dict[str, Any], era: str) -> str:
    """Return the question to the person, or an empty text."""
    if era == "old":
        asked = answer if answer.get("method") == "elicitation/create" else {}
    else:
        asked = answer["result"].get("inputRequests", {}).get("confirm", {})
    return str(asked.get("params", {}).get("message", ""))


BOTH = pytest.mark.parametrize("era", ["old", "new"])


@BOTH
@pytest.mark.parametrize("policy", ["always", "where_possible"])
async def test_a_person_who_can_be_asked_sees_what_would_be_destroyed_first_a166(
    tmp_path: Path, era: str, policy: str
) -> None:
    async with gateway(tmp_path, policy) as world:
        answer = await delete(world, era, can_ask=True)
        assert question(answer, era) == "Allow this: Delete a task?\nid: 7"
        assert world.api.requests == []


@BOTH
async def test_where_nobody_can_be_asked_an_always_confirming_tenant_deletes_nothing_a166(
    tmp_path: Path, era: str
) -> None:
    async with gateway(tmp_path, "always") as world:
        answer = await delete(world, era, can_ask=False)
        assert "elicitation" in str(answer)
        assert "Nothing was done" in str(answer)
        assert world.api.requests == []
        assert world.records[-1]["reason"] == "cannot_ask"


@BOTH
async def test_where_possible_lets_a_client_that_can_not_ask_go_on(
    tmp_path: Path, era: str
) -> None:
    async with gateway(tmp_path, "where_possible") as world:
        assert (await delete(world, era, can_ask=False))["result"]["isError"] is False
        assert [request.method for request in world.api.requests] == ["DELETE"]


@BOTH
async def test_never_asks_nobody_and_one_tenants_policy_is_not_anothers(
    tmp_path: Path, era: str
) -> None:
    async with gateway(tmp_path, "never", org_globex="always") as world:
        acme = await delete(world, era, can_ask=True)
        assert acme["result"]["isError"] is False
        globex = await delete(world, era, can_ask=True, tenant_id="org_globex", sub="usr_bo")
        assert question(globex, era)
        assert len(world.api.requests) == 1


@BOTH
@pytest.mark.parametrize("tool", ["list_tasks", "create_task"])
async def test_a_tool_that_is_not_destructive_needs_no_confirmation(
    tmp_path: Path, era: str, tool: str
) -> None:
    arguments = {"title": "x"} if tool == "create_task" else {}
    async with gateway(tmp_path, "always") as world:
        assert (await world.call(era, tool, arguments))["isError"] is False
