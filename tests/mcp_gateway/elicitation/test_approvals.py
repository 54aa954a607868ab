"""A call that an admin must approve waits for their answer, in both eras of the protocol."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.in_process.gateway import META, World, a_world
from support.in_process.talk import initialize, talking

DELETE: dict[str, Any] = {"name": "delete_task", "arguments": {"id": "7"}}
CREATE: dict[str, Any] = {"name": "create_task", "arguments": {"title": "Buy milk"}}
FORMS: dict[str, Any] = {"elicitation": {"form": {}}}
ACCEPT = {"action": "accept", "content": {}}
BOTH = pytest.mark.parametrize("era", ["old", "new"])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway with the operator's usual policy for destructive tools."""
    async with a_world(tmp_path) as opened:
        yield opened


async def call(
    world: World,
    era: str,
    params: dict[str, Any],
    *,
    approval: str | None = "destructive",
    can: dict[str, Any] | None = None,
    answer: Any = None,
    **carried: Any,
) -> dict[str, Any]:
    """Call a tool as a client of one era; return the last message.

    In the handshake era, `answer` is what the person answers on the call's own stream.
    """
    token = world.token(scope="mcp:admin", approval=approval)
    headers = {"authorization": f"Bearer {token}"}
    if era == "new":
        meta = {**META, "io.modelcontextprotocol/clientCapabilities": can or {}}
        params = {**params, "_meta": meta, **carried}
    else:
        headers |= await initialize(world, can or {}, token=token)
    async with talking(world, era, "tools/call", params, headers=headers) as talk:
        message: dict[str, Any] = await talk.message()
        if answer is not None:
            assert message["method"] == "elicitation/create"
            body = {"jsonrpc": "2.0", "id": message["id"], "result": answer}
            assert (await world.post(body, headers=headers)).status_code == 202
            message = await talk.message()
    return message


def text_of(message: dict[str, Any]) -> str:
    """Read the text of a tool's error."""
    assert message["result"]["isError"] is True, message
    return str(message["result"]["content"][0]["text"])


@BOTH
async def test_a_call_waits_until_an_admin_has_approved_it_and_is_then_made_once_a263(
    world: World, era: str
) -> None:
    first = text_of(await call(world, era, DELETE))
    assert "An admin of the person's organisation must approve this call" in first
    assert "Nothing was done" in first and world.api.requests == []
    assert world.records[-1]["reason"] == "approval_waiting"
    world.admins.answers.append("approved")

    made = await call(world, era, DELETE)

    assert made["result"]["isError"] is False
    assert [request.method for request in world.api.requests] == ["DELETE"]
    text_of(await call(world, era, DELETE))
    assert len(world.api.requests) == 1


async def test_an_admin_is_shown_the_exact_call_and_whose_it_is(world: World) -> None:
    hidden = {"name": "create_task", "arguments": {"title": "Buy\nmilk\u200b"}}
    await call(world, "new", hidden, approval="changes")
    (asked,) = world.admins.asked
    assert (asked.tenant_id, asked.sub, asked.client_id, asked.grant_id) == (
        "org_acme",
        "usr_ada",
        "client_claude",
        "grant_1",
    )
    assert (asked.tool, asked.title) == ("create_task", "Create a task")
    assert asked.arguments == ("title: Buy\\nmilk (and 1 invisible characters)",)


async def test_an_approval_of_one_call_is_none_of_another_a264(world: World) -> None:
    for arguments in ({"id": "7"}, {"id": "8"}, {"id": "7"}):
        await call(world, "new", {"name": "delete_task", "arguments": arguments})
    seven, eight, again = (one.digest for one in world.admins.asked)
    assert seven == again != eight


async def test_an_admin_is_told_which_sub_agent_asks_a224(world: World) -> None:
    act = {"sub": "client_claude#reader", "act": {"sub": "client_claude#researcher"}}
    for claims in ({}, {"act": act}):
        token = world.token(scope="mcp:admin", approval="destructive", **claims)
        await world.call("new", DELETE["name"], DELETE["arguments"], token=token)
    own, sub_agents = world.admins.asked
    assert own.actors == ()
    assert sub_agents.actors == ("client_claude#reader", "client_claude#researcher")
    assert sub_agents.model_copy(update={"actors": ()}) == own


@pytest.mark.parametrize(
    ("approval", "params", "asks"),
    [
        (None, DELETE, False),
        ("none", DELETE, False),
        ("destructive", DELETE, True),
        ("destructive", CREATE, False),
        ("changes", CREATE, True),
        ("changes", {"name": "list_tasks", "arguments": {}}, False),
    ],
)
async def test_the_tenants_rule_decides_which_calls_an_admin_sees(
    world: World, approval: str | None, params: dict[str, Any], asks: bool
) -> None:
    message = await call(world, "new", params, approval=approval)
    assert bool(world.admins.asked) is asks
    assert message["result"]["isError"] is asks
    assert len(world.api.requests) == (not asks)


async def test_a_token_with_an_unknown_rule_is_refused_rather_than_served_without_it_a265(
    world: World,
) -> None:
    token = world.token(approval="sometimes")
    assert (await world.new("tools/list", token=token)).status_code == 401


async def test_a_tool_whose_manifest_asks_for_approval_asks_in_every_tenant(tmp_path: Path) -> None:
    from support.in_process.gateway import API

    text = (API / "tools.yaml").read_text()
    (tmp_path / "openapi.yaml").write_bytes((API / "openapi.yaml").read_bytes())
    manifest = tmp_path / "tools.yaml"
    manifest.write_text(text.replace("  create_task:\n", "  create_task:\n    approval: true\n"))
    async with a_world(tmp_path, manifest=manifest) as world:
        assert "An admin" in text_of(await call(world, "new", CREATE, approval=None))


async def test_the_person_lets_the_call_go_on_once_it_is_approved(world: World) -> None:
    """2026-07-28: input is required, and the state comes back sealed."""
    asked = (await call(world, "new", DELETE, can=FORMS))["result"]
    assert asked["resultType"] == "input_required"
    assert (
        "approve this call: Delete a task." in asked["inputRequests"]["wait"]["params"]["message"]
    )
    answers: dict[str, Any] = {
        "inputResponses": {"wait": ACCEPT},
        "requestState": asked["requestState"],
    }
    world.admins.answers += ["waiting", "waiting"]
    assert "An admin" in text_of(await call(world, "new", DELETE, can=FORMS, **answers))
    assert world.api.requests == []
    world.admins.answers += ["waiting", "approved"]
    made = await call(world, "new", DELETE, can=FORMS, **answers)
    assert made["result"]["isError"] is False
    assert len(world.api.requests) == 1


async def test_the_stream_of_an_older_client_goes_on_once_it_is_approved(world: World) -> None:
    world.admins.answers += ["waiting", "approved"]
    made = await call(world, "old", DELETE, can=FORMS, answer=ACCEPT)
    assert made["result"]["isError"] is False
    world.admins.answers += ["waiting", "approved"]
    said = await call(world, "old", DELETE, can=FORMS, answer={"action": "decline"})
    assert "An admin" in text_of(said)
    assert len(world.api.requests) == 1


@pytest.mark.parametrize(
    ("state", "said", "reason"),
    [
        ("declined", "An admin declined this call", "approval_declined"),
        ("too_many", "too many calls of this organisation wait", "too_many_approvals"),
    ],
)
async def test_a_call_that_is_not_approved_is_not_made(
    world: World, state: Any, said: str, reason: str
) -> None:
    world.admins.answers.append(state)
    assert said in text_of(await call(world, "new", DELETE, can=FORMS))
    assert world.records[-1]["reason"] == reason and world.api.requests == []


async def test_nothing_is_done_while_nobody_can_tell_whether_it_is_approved_a266(
    world: World,
) -> None:
    world.admins.down = True
    assert "can't find out" in text_of(await call(world, "new", DELETE))
    assert world.records[-1]["reason"] == "approval_unknown" and world.api.requests == []


async def test_a_call_that_is_too_long_to_show_to_an_admin_is_refused(world: World) -> None:
    long = {"name": "create_task", "arguments": {"title": "x" * 10_001}}
    message = await call(world, "new", long, approval="changes")
    assert "at most 10000 can be shown" in text_of(message)
    assert world.admins.asked == []
