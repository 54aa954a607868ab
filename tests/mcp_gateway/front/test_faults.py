"""A fault of the gateway reaches a client as an error of its protocol, and operators in the log."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gatepost.api_keys import make_api_key
from mcp_gateway.elicitation.answers import Answer
from mcp_gateway.revocations.followed import Revocations
from support.in_process.gateway import API, META, MODERN, World, a_world

INPUTS = """
  ask_task:
    operation: getTask
    inputs: [{id: {ask: "Which task?", fields: {id: {type: string}}}}]
    confirm: "Read it?"
resources:
  asked: {uri: "tracker://asked/{id}", title: A task, tool: ask_task}
"""


class Broken:
    """Answers that can't be delivered for a reason that nobody thought of."""

    @contextmanager
    def expect(self, principal: str) -> Iterator[Any]:
        """Fail."""
        raise RuntimeError("s3cret")
        yield

    async def deliver(self, principal: str, ask_id: str, answer: Answer) -> None:
        """Fail."""
        raise RuntimeError("s3cret")

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "openapi.yaml").write_bytes((API / "openapi.yaml").read_bytes())
    (tmp_path / "tools.yaml").write_text((API / "tools.yaml").read_text() + INPUTS)
    manifest = tmp_path / "tools.yaml"
    async with a_world(tmp_path, manifest=manifest, answers=Broken()) as opened:
        yield opened


@pytest.mark.parametrize(
    "more",
    [
        {"requestState": "bogus"},
        {"requestState": 7},
        {"inputResponses": "bogus"},
        {"inputResponses": [1]},
        {"inputResponses": {"confirm": 1}},
        {"inputResponses": None},
    ],
)
async def test_a_wrong_answer_while_a_resource_is_read_is_an_error_of_the_params(
    world: World, more: dict[str, Any]
) -> None:
    meta = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    params = {"uri": "tracker://asked/7", "_meta": meta, **more}
    body = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": params}
    headers = {"mcp-protocol-version": MODERN, "mcp-method": "resources/read"}
    answer = await world.post(body, headers={**headers, "mcp-name": "tracker://asked/7"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)


async def test_a_fault_while_a_message_is_answered_is_an_internal_error(world: World) -> None:
    body = {"jsonrpc": "2.0", "id": "q1", "result": {}}
    with capture_logs() as logs:
        answer = await world.post(body, headers={"mcp-protocol-version": "2025-11-25"})
    error = answer.json()["error"]
    assert (answer.status_code, answer.json()["id"], error["code"]) == (200, "q1", -32603)
    assert error["message"].endswith(answer.headers["x-request-id"])
    assert "s3cret" not in answer.text
    [line] = [line for line in logs if line["event"] == "request_fault"]
    assert (line["log_level"], line["request_id"]) == ("error", answer.headers["x-request-id"])


async def test_a_fault_before_the_message_is_read_is_an_internal_error(world: World) -> None:
    key = make_api_key("live", bytes(32)).text
    world.exchanges.worth[key] = {"sub": object()}
    answer = await world.post({}, token=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, -32603)
    assert (await world.old("ping")).json()["result"] == {}


async def test_a_fault_of_an_operational_route_is_answered_in_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Revocations) -> str:
        raise RuntimeError("s3cret")

    monkeypatch.setattr(Revocations, "describe", fail)
    async with a_world(tmp_path) as world:
        with capture_logs() as logs:
            answer = await world.http.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"error": "temporarily_unavailable"})
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["request_fault"]
