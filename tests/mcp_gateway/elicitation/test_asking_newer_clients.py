"""2026-07-28: a request ends with questions, and is repeated with answers and the state."""

from itertools import product
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from mcp_gateway.elicitation.confirmations import ConfirmationsUnavailable, LocalConfirmations
from support.in_process.gateway import API, META, MODERN, World, a_world

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
ACCEPT = {"action": "accept", "content": {}}


async def send(
    world: World,
    name: str,
    arguments: Any = None,
    *,
    can: dict[str, Any] | None = None,
    token: str = "",
    method: str = "tools/call",
    **carried: Any,
) -> httpx2.Response:
    """Call with the client's answers and state, and its declared capabilities."""
    capabilities = {"elicitation": {}, "sampling": {}} if can is None else can
    meta = {**META, CAPABILITIES: capabilities}
    params = {"name": name, "arguments": arguments or {}, "_meta": meta, **carried}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {"mcp-protocol-version": MODERN, "mcp-method": method, "mcp-name": name}
    return await world.post(body, token=token, headers=headers)


async def ask(world: World, name: str, arguments: Any = None, **more: Any) -> tuple[Any, str]:
    """Call a tool that asks; return the questions and the state."""
    answer = await send(world, name, arguments, **more)
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"]
    assert result["resultType"] == "input_required"
    return result["inputRequests"], result["requestState"]


async def test_a_destructive_tool_is_called_once_the_person_said_yes(world: World) -> None:
    asked, state = await ask(world, "delete_task", {"id": "7"})
    assert asked["confirm"]["method"] == "elicitation/create"
    assert asked["confirm"]["params"]["message"].startswith("Permanently delete task 7?")
    assert world.api.requests == []
    answer = await send(
        world, "delete_task", {"id": "7"}, inputResponses={"confirm": ACCEPT}, requestState=state
    )
    assert answer.json()["result"]["resultType"] == "complete"
    assert [request.method for request in world.api.requests] == ["DELETE"]


async def test_a_confirmation_counts_for_one_call(world: World) -> None:
    """Sent again, the same answer does nothing until the person is asked again."""
    _, state = await ask(world, "delete_task", {"id": "7"})
    answers: dict[str, Any] = {"inputResponses": {"confirm": ACCEPT}, "requestState": state}
    first, *again = [await send(world, "delete_task", {"id": "7"}, **answers) for _ in range(3)]

    assert first.json()["result"]["isError"] is False
    assert {answer.json()["error"]["code"] for answer in again} == {-32602}
    assert "was used before" in again[0].json()["error"]["message"]
    assert len(world.api.requests) == 1
    _, state = await ask(world, "delete_task", {"id": "7"})
    await send(world, "delete_task", {"id": "7"}, **{**answers, "requestState": state})
    assert len(world.api.requests) == 2


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (b"Permanently delete task {id}?", b"Delete everything?", "Delete everything?"),
        (b"/tasks/{id}", b"/projects/{id}", "Permanently delete task 7?"),
    ],
    ids=["another question", "another operation"],
)
async def test_a_confirmation_of_another_question_or_operation_does_not_count(
    world: World, tmp_path: Path, was: bytes, now: bytes, said: str
) -> None:
    """The manifest or the document changed between question and answer."""
    _, state = await ask(world, "delete_task", {"id": "7"})
    other = tmp_path / "other"
    other.mkdir()
    for path in API.iterdir():
        (other / path.name).write_bytes(path.read_bytes().replace(was, now))
    async with a_world(tmp_path, manifest=other / "talking.yaml") as changed:
        answers: dict[str, Any] = {"inputResponses": {"confirm": ACCEPT}, "requestState": state}
        asked, _ = await ask(changed, "delete_task", {"id": "7"}, **answers)
    assert asked["confirm"]["params"]["message"].startswith(said)
    assert changed.api.requests == []


async def test_a_confirmation_does_not_count_while_its_use_can_not_be_checked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: object) -> bool:
        raise ConfirmationsUnavailable

    monkeypatch.setattr(LocalConfirmations, "redeem", unavailable)
    _, state = await ask(world, "delete_task", {"id": "7"})
    answers: dict[str, Any] = {"inputResponses": {"confirm": ACCEPT}, "requestState": state}
    answer = await send(world, "delete_task", {"id": "7"}, **answers)

    result = answer.json()["result"]
    assert result["isError"] is True
    assert "Nothing was done" in result["content"][0]["text"]
    assert world.api.requests == []


async def test_a_person_sees_the_whole_of_a_long_argument(world: World) -> None:
    last = "CUSTOMER-PRODUCTION-DATABASE"
    asked, _ = await ask(world, "delete_task", {"id": "x" * 3000 + last})
    assert f"\nid: {'x' * 3000}{last}" in asked["confirm"]["params"]["message"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("7\u202e8\u200b", "78 (and 2 invisible characters)"),
        ("7\nid: 8", "7\\nid: 8"),
        ("7\u2028id: 8", "7\\u2028id: 8"),
        ("7  8 ", "7  8 "),
        ("私\u3000の", "私\u3000の"),
    ],
)
async def test_a_person_sees_an_argument_as_it_is_sent(
    world: World, given: str, shown: str
) -> None:
    """Invisible and bidirectional characters are removed and counted; line breaks are visible."""
    asked, _ = await ask(world, "delete_task", {"id": given})
    lines = asked["confirm"]["params"]["message"].split("\n")
    assert lines[1:] == [f"id: {shown}"]
    assert "\u202e" not in lines[0]


async def test_a_call_that_is_too_long_to_be_shown_is_refused(world: World) -> None:
    answer = await send(world, "delete_task", {"id": "x" * 10_001})
    result = answer.json()["result"]
    assert result["isError"] is True
    assert "at most 10000 can be shown. Nothing was done." in result["content"][0]["text"]
    assert world.records[-1]["reason"] == "too_long_to_confirm"
    assert world.api.requests == []


async def test_nothing_is_done_without_the_persons_confirmation_a166(world: World) -> None:
    _, state = await ask(world, "delete_task", {"id": "7"})
    answer = await send(
        world,
        "delete_task",
        {"id": "7"},
        inputResponses={"confirm": {"action": "decline"}},
        requestState=state,
    )
    assert "Nothing was done" in answer.json()["result"]["content"][0]["text"]
    assert world.api.requests == []


async def test_an_unrequested_confirmation_does_not_count(world: World) -> None:
    asked, _ = await ask(world, "delete_task", {"id": "7"}, inputResponses={"confirm": ACCEPT})
    assert "confirm" in asked
    assert world.api.requests == []


@pytest.mark.parametrize(
    "change",
    [
        {"arguments": {"id": "8"}},
        {"sub": "usr_bo"},
        {"tenant_id": "org_globex"},
        {"client_id": "other"},
        {"state": "-tampered"},
        {"state": "A"},
        {"name": "create_task"},
    ],
)
async def test_a_state_holds_for_the_very_call_and_caller_it_was_given_to(
    world: World, change: dict[str, Any]
) -> None:
    """2026-07-28 multi round-trip requests: attacker-controlled, so bound and sealed."""
    _, state = await ask(world, "delete_task", {"id": "7"})
    name = change.pop("name", "delete_task")
    arguments = change.pop("arguments", {"id": "7"} if name == "delete_task" else {"title": "x"})
    answer = await send(
        world,
        name,
        arguments,
        inputResponses={"confirm": ACCEPT, "priority": ACCEPT},
        requestState=state + change.pop("state", ""),
        token=world.token(**change),
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)
    assert world.api.requests == []


@pytest.mark.parametrize(("minutes", "status"), [(9, 200), (11, 400)])
async def test_a_state_expires_by_the_clock_on_the_wall(
    world: World, minutes: int, status: int
) -> None:
    _, state = await ask(world, "delete_task", {"id": "7"})
    world.clock.advance(minutes=minutes)
    answer = await send(
        world, "delete_task", {"id": "7"}, inputResponses={"confirm": ACCEPT}, requestState=state
    )
    assert answer.status_code == status
    assert len(world.api.requests) == (1 if status == 200 else 0)


@pytest.mark.parametrize(
    ("responses", "state"),
    [
        *product([[], 1, {"confirm": 1}, {"confirm": None}], [None, 1, "x", {"a": 1}]),
        *product([None], [1, "x", {"a": 1}]),
    ],
)
async def test_malformed_answers_are_refused(
    world: World, responses: object, state: object
) -> None:
    answer = await send(
        world, "delete_task", {"id": "7"}, inputResponses=responses, requestState=state
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)


async def test_any_replica_continues_anothers_questions(tmp_path: Path) -> None:
    manifest = API / "talking.yaml"
    async with (
        a_world(tmp_path, manifest=manifest) as one,
        a_world(tmp_path, manifest=manifest) as other,
    ):
        _, state = await ask(one, "delete_task", {"id": "7"})
        responses = {"confirm": ACCEPT}
        answer = await send(
            other, "delete_task", {"id": "7"}, inputResponses=responses, requestState=state
        )
        assert answer.json()["result"]["isError"] is False
        assert (len(one.api.requests), len(other.api.requests)) == (0, 1)


async def test_each_round_contains_the_earlier_answers(world: World) -> None:
    asked, first = await ask(world, "create_task")
    assert list(asked) == ["title"]
    title = {"title": {"action": "accept", "content": {"title": "Tidy"}}}
    asked, second = await ask(world, "create_task", inputResponses=title, requestState=first)
    assert asked["priority"]["params"]["message"] == 'How urgent is "Tidy"?'
    assert second != first
    priority = {"priority": {"action": "accept", "content": {"priority": 2}}}
    await send(world, "create_task", inputResponses=priority, requestState=second)
    assert orjson.loads(world.api.requests[-1].body) == {"title": "Tidy", "priority": 2}


async def test_a_missing_answer_is_asked_for_again_and_a_strange_one_ignored(world: World) -> None:
    asked, _ = await ask(world, "create_task", inputResponses={"other": ACCEPT})
    assert list(asked) == ["title"]


async def test_the_clients_own_model_drafts_missing_arguments(world: World) -> None:
    asked, state = await ask(world, "draft_task", can={"sampling": {}})
    assert asked["words"]["method"] == "sampling/createMessage"
    drafted = {"role": "assistant", "content": {"type": "text", "text": "Tidy"}, "model": "m"}
    can: dict[str, Any] = {"sampling": {}}
    answers = {"words": drafted}
    await send(world, "draft_task", can=can, inputResponses=answers, requestState=state)
    assert orjson.loads(world.api.requests[-1].body) == {"title": "Tidy"}


@pytest.mark.parametrize(
    ("name", "arguments", "can", "required"),
    [
        ("delete_task", {"id": "7"}, {}, "elicitation"),
        ("delete_task", {"id": "7"}, {"elicitation": {"url": {}}}, "elicitation"),
        ("create_task", {}, {"sampling": {}}, "elicitation"),
        ("draft_task", {}, {"elicitation": {}}, "sampling"),
    ],
)
async def test_a_client_without_forms_learns_the_capability_to_declare(
    world: World, name: str, arguments: Any, can: dict[str, Any], required: str
) -> None:
    """2026-07-28 basic: -32021 with the capabilities, under 400."""
    answer = await send(world, name, arguments, can=can)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, -32021)
    assert error["data"] == {"requiredCapabilities": {required: {}}}
    assert "Nothing was done" in error["message"]
    assert world.records[-1]["reason"] == "cannot_ask"


async def test_a_call_that_lacks_nothing_needs_no_capability(world: World) -> None:
    answer = await send(world, "create_task", {"title": "x", "priority": 1}, can={})
    assert answer.json()["result"]["isError"] is False


async def test_a_prompt_asks_for_the_argument_it_lacks(world: World) -> None:
    asked, state = await ask(world, "plan_week", method="prompts/get")
    schema = asked["arguments"]["params"]["requestedSchema"]
    assert schema["properties"]["team"]["enum"] == ["design", "engineering", "sales"]
    filled = {"arguments": {"action": "accept", "content": {"team": "design"}}}
    answer = await send(
        world, "plan_week", method="prompts/get", inputResponses=filled, requestState=state
    )
    result = answer.json()["result"]
    assert result["resultType"] == "complete"
    assert result["messages"][-1]["content"]["text"] == "Plan the week of design. "


@pytest.mark.parametrize("content", [{}, {"team": 1}])
async def test_a_prompt_whose_argument_stays_missing_is_refused(
    world: World, content: dict[str, Any]
) -> None:
    _, state = await ask(world, "plan_week", method="prompts/get")
    filled = {"arguments": {"action": "accept", "content": content}}
    answer = await send(
        world, "plan_week", method="prompts/get", inputResponses=filled, requestState=state
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)
