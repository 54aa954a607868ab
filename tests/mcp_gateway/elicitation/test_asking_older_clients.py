"""The handshake era: questions on the call's own stream, answers with another request."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from gatepost.revocations import Revocation
from mcp_gateway.elicitation.answers import AnswerNotTaken, LocalAnswers
from support.in_process.gateway import API, World, a_world
from support.in_process.talk import Talk, initialize, talking

DELETE: dict[str, Any] = {"name": "delete_task", "arguments": {"id": "7"}}
CAN_BE_ASKED: dict[str, Any] = {"elicitation": {}, "sampling": {}}


async def answer(
    world: World, session: dict[str, str], question: Any, result: object, **more: Any
) -> None:
    """Send the client's response to a question."""
    body = {"jsonrpc": "2.0", "id": question["id"], "result": result}
    sent = await world.post(body, headers=session, **more)
    assert (sent.status_code, sent.content) == (202, b"")


async def result_of(talk: Talk) -> Any:
    """Read the last message's result."""
    return (await talk.message())["result"]


async def test_a_destructive_tool_is_called_once_the_person_said_yes(world: World) -> None:
    session = await initialize(world, CAN_BE_ASKED)
    async with talking(world, "old", "tools/call", DELETE, headers=session) as talk:
        question = await talk.message()
        assert question["method"] == "elicitation/create"
        assert question["params"]["message"] == "Permanently delete task 7?\nid: 7"
        assert question["params"]["requestedSchema"] == {"type": "object", "properties": {}}
        assert world.api.requests == []
        await answer(world, session, question, {"action": "accept", "content": {}})
        assert (await result_of(talk))["isError"] is False
    assert [request.method for request in world.api.requests] == ["DELETE"]


async def test_a_client_may_leave_only_some_questions_open_and_takes_nobody_elses_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_gateway.elicitation.answers.MOST_OPEN", 2)
    session = await initialize(world, CAN_BE_ASKED)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            talk = await stack.enter_async_context(
                talking(world, "old", "tools/call", DELETE, headers=session)
            )
            assert (await talk.message())["method"] == "elicitation/create"
        async with talking(world, "old", "tools/call", DELETE, headers=session) as refused:
            said = (await refused.message())["result"]["content"][0]["text"]
        other = {"authorization": f"Bearer {world.token(sub='usr_bo')}"}
        others = await initialize(world, CAN_BE_ASKED, token=world.token(sub="usr_bo"))
        async with talking(
            world, "old", "tools/call", DELETE, headers={**others, **other}
        ) as asked:
            assert (await asked.message())["method"] == "elicitation/create"
    assert said.endswith("open questions, the most it may have. Nothing was done.")
    async with talking(world, "old", "tools/call", DELETE, headers=session) as talk:
        assert (await talk.message())["method"] == "elicitation/create"


async def test_a_confirmation_does_not_count_once_the_connection_was_revoked(
    world: World,
) -> None:
    """The person connected again meanwhile, so that their answer still arrives."""
    session = await initialize(world, CAN_BE_ASKED)
    async with talking(world, "old", "tools/call", DELETE, headers=session) as talk:
        question = await talk.message()
        await world.feed.announce(Revocation(kind="grant", key="grant_1", expires_at=1 << 40))
        accepted = {"action": "accept", "content": {}}
        await answer(world, session, question, accepted, token=world.token(grant_id="grant_2"))
        said = (await talk.message())["result"]["content"][0]["text"]
    assert said == "The connection was revoked while the question was open. Nothing was done."
    assert world.api.requests == []
    assert world.records[-1]["reason"] == "not_answered"


@pytest.mark.parametrize(("action", "said"), [("decline", "said no"), ("cancel", "closed")])
async def test_nothing_is_done_without_the_persons_confirmation_a166(
    world: World, action: str, said: str
) -> None:
    session = await initialize(world, CAN_BE_ASKED)
    async with talking(world, "old", "tools/call", DELETE, headers=session) as talk:
        await answer(world, session, await talk.message(), {"action": action})
        result = await result_of(talk)
    assert result["isError"] is True
    assert said in result["content"][0]["text"]
    assert "Nothing was done" in result["content"][0]["text"]
    assert world.api.requests == []
    assert world.records[-1]["reason"] == "declined"


@pytest.mark.parametrize("result", [{}, {"action": "yes"}, {"action": "accept", "content": [1]}, 1])
async def test_an_answer_that_is_none_does_nothing(world: World, result: object) -> None:
    session = await initialize(world, CAN_BE_ASKED)
    async with talking(world, "old", "tools/call", DELETE, headers=session) as talk:
        await answer(world, session, await talk.message(), result)
        assert (await result_of(talk))["isError"] is True
    assert world.api.requests == []


async def test_a_client_that_refuses_to_ask_does_nothing(world: World) -> None:
    session = await initialize(world, CAN_BE_ASKED)
    async with talking(world, "old", "tools/call", DELETE, headers=session) as talk:
        error = {"code": -32601, "message": "no"}
        body = {"jsonrpc": "2.0", "id": (await talk.message())["id"], "error": error}
        await world.post(body, headers=session)
        assert "Nothing was done" in (await result_of(talk))["content"][0]["text"]
    assert world.api.requests == []


async def test_nobody_else_can_answer_for_the_person_a125(world: World) -> None:
    session = await initialize(world, CAN_BE_ASKED)
    bo = world.token(sub="usr_bo", tenant_id="org_globex")
    theirs = await initialize(world, CAN_BE_ASKED, token=bo)
    async with talking(world, "old", "tools/call", DELETE, headers=session) as talk:
        question = await talk.message()
        await answer(world, theirs, question, {"action": "accept"}, token=bo)
        assert world.api.requests == []
        await answer(world, session, question, {"action": "decline"})
        assert (await result_of(talk))["isError"] is True
    assert world.api.requests == []


async def test_a_person_is_asked_for_missing_arguments_round_by_round(world: World) -> None:
    session = await initialize(world, CAN_BE_ASKED)
    call = {"name": "create_task", "arguments": {}}
    async with talking(world, "old", "tools/call", call, headers=session) as talk:
        question = await talk.message()
        assert question["params"]["requestedSchema"]["required"] == ["title"]
        await answer(world, session, question, {"action": "accept", "content": {"title": "Tidy"}})
        question = await talk.message()
        assert question["params"]["message"] == 'How urgent is "Tidy"?'
        await answer(world, session, question, {"action": "accept", "content": {"priority": 2}})
        assert (await result_of(talk))["isError"] is False
    assert orjson.loads(world.api.requests[-1].body) == {"title": "Tidy", "priority": 2}


async def test_a_person_is_not_asked_for_given_arguments(world: World) -> None:
    result = await world.call("old", "create_task", {"title": "Tidy", "priority": 1})
    assert result["isError"] is False
    assert len(world.api.requests) == 1


async def test_an_answer_that_breaks_the_schema_is_not_sent(world: World) -> None:
    session = await initialize(world, CAN_BE_ASKED)
    call = {"name": "create_task", "arguments": {"title": "Tidy"}}
    async with talking(world, "old", "tools/call", call, headers=session) as talk:
        content = {"priority": 9, "tenant_id": "org_globex"}
        answered = {"action": "accept", "content": content}
        await answer(world, session, await talk.message(), answered)
        assert "priority" in (await result_of(talk))["content"][0]["text"]
    assert world.api.requests == []


async def test_the_clients_own_model_drafts_missing_arguments(world: World) -> None:
    session = await initialize(world, CAN_BE_ASKED)
    call = {"name": "draft_task", "arguments": {}}
    async with talking(world, "old", "tools/call", call, headers=session) as talk:
        question = await talk.message()
        assert question["method"] == "sampling/createMessage"
        assert question["params"]["messages"][0]["content"]["text"] == "Find a title for a task."
        drafted = {"role": "assistant", "content": {"type": "text", "text": "Tidy"}, "model": "m"}
        await answer(world, session, question, drafted)
        assert (await result_of(talk))["isError"] is False
    assert orjson.loads(world.api.requests[-1].body) == {"title": "Tidy"}


@pytest.mark.parametrize(
    "capabilities", [{}, {"elicitation": {"url": {}}}, {"elicitation": True}, {"sampling": {}}]
)
async def test_a_client_that_can_not_be_asked_is_refused_and_told_why(
    world: World, capabilities: dict[str, Any]
) -> None:
    session = await initialize(world, capabilities)
    async with talking(world, "old", "tools/call", DELETE, headers=session) as talk:
        [message] = await talk.messages()
    assert talk.headers["content-type"] == "application/json"
    assert message["result"]["isError"] is True
    text = message["result"]["content"][0]["text"]
    assert "elicitation" in text
    assert "Nothing was done" in text
    assert world.api.requests == []
    assert world.records[-1]["reason"] == "cannot_ask"


async def test_a_client_that_reads_no_stream_can_not_be_asked(world: World) -> None:
    session = await initialize(world, CAN_BE_ASKED)
    headers = {**session, "accept": "application/json"}
    async with talking(world, "old", "tools/call", DELETE, headers=headers) as talk:
        assert (await result_of(talk))["isError"] is True


@pytest.mark.parametrize("session", ["x", "e30", "AAAA" * 30, "é"])
async def test_a_session_that_was_not_given_out_is_unknown(world: World, session: str) -> None:
    """2025-11-25 transports, Session Management: after a 404 the client initializes again."""
    headers = {"mcp-session-id": session.encode("latin-1").decode("latin-1")}
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    lines = [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]
    lines.append((b"authorization", f"Bearer {world.token()}".encode()))
    answered = await world.http.post("/mcp", json=body, headers=lines)
    assert (answered.status_code, answered.json()["id"]) == (404, 1)
    again = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": again}
    assert (await world.http.post("/mcp", json=body, headers=lines)).status_code == 200


async def test_a_session_is_of_no_use_to_anyone_else(world: World) -> None:
    session = await initialize(world, CAN_BE_ASKED)
    assert session["mcp-session-id"].isascii()
    assert session["mcp-session-id"].isprintable()
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert (await world.post(ping, headers=session)).status_code == 200
    for change in ({"sub": "usr_bo"}, {"tenant_id": "org_globex"}, {"client_id": "other"}):
        answered = await world.post(ping, token=world.token(**change), headers=session)
        assert answered.status_code == 404


class NotTaken(LocalAnswers):
    """Answers that can't be delivered."""

    async def deliver(self, principal: str, ask_id: str, answer: Any) -> None:
        """Refuse every answer."""
        raise AnswerNotTaken


async def test_a_client_whose_answer_could_not_be_passed_on_is_told_to_send_it_again(
    tmp_path: Path,
) -> None:
    answers = NotTaken(lambda: "1")
    async with a_world(tmp_path, manifest=API / "talking.yaml", answers=answers) as world:
        session = await initialize(world, CAN_BE_ASKED)
        body = {"jsonrpc": "2.0", "id": "1", "result": {"action": "accept", "content": {}}}
        sent = await world.post(body, headers=session)

    assert (sent.status_code, sent.headers["retry-after"]) == (503, "5")
    assert sent.json()["error"]["message"] == (
        "The answer can't be delivered at the moment. Send it again in 5 seconds."
    )
    assert "id" in sent.json()
