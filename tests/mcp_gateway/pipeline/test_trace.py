"""The playground sees what each step of a call decided; nobody else does."""

from typing import Any

import pytest

from gatepost.scopes import TRACE
from mcp_gateway.pipeline.trace import TRACE_META
from support.in_process.gateway import World


def traced(world: World, **claims: Any) -> str:
    """Issue a token of the playground."""
    return world.token(scope=f"mcp:read mcp:write {TRACE}", **claims)


async def test_a_trace_names_every_step_and_the_request_without_the_assertion(
    world: World,
) -> None:
    result = await world.call("new", "list_tasks", {"q": "x"}, token=traced(world))

    trace = result["_meta"][TRACE_META]
    decided = {step["step"]: step["decided"] for step in trace["steps"]}
    assert list(decided)[:3] == ["unwrap_execute", "record_call", "limit_refused_calls"]
    assert decided.pop("shape_result") == "answered"
    assert set(decided.values()) == {"passed"}
    [exchange] = trace["exchanges"]
    assert exchange["method"] == "GET"
    assert exchange["url"].endswith("/tasks?tenant_id=org_acme&q=x")
    assert exchange["status"] == 200
    assert "Gatepost-Assertion" not in dict(exchange["headers"])
    assert trace["answer"] == '{"tasks":[]}'
    assert trace["units"] == 1
    assert result["structuredContent"] == {"tasks": []}


async def test_other_callers_get_no_trace(world: World) -> None:
    result = await world.call("new", "list_tasks")
    assert TRACE_META not in result.get("_meta", {})


@pytest.mark.parametrize(
    ("tool", "arguments", "claims", "step", "reason"),
    [
        ("no_such_tool", {}, {}, "find_tool", "unknown_tool"),
        ("list_tasks", {}, {"allowed_tools": ["create_task"]}, "authorize", "unknown_tool"),
        ("create_task", {}, {}, "validate_arguments", "invalid_arguments"),
        ("list_tasks", {}, {"tenant_id": ""}, "bind_claims", "claim_missing"),
    ],
)
async def test_a_refusal_names_its_step_its_reason_and_its_words(
    world: World,
    tool: str,
    arguments: dict[str, Any],
    claims: dict[str, Any],
    step: str,
    reason: str,
) -> None:
    result = await world.call("new", tool, arguments, token=traced(world, **claims))

    assert result["isError"] is True
    *passed, last = result["_meta"][TRACE_META]["steps"]
    assert {one["decided"] for one in passed} == {"passed"}
    assert (last["step"], last["decided"], last["reason"]) == (step, "refused", reason)
    assert last["said"] == result["content"][0]["text"]
    assert result["_meta"][TRACE_META]["units"] == 0
    assert world.api.requests == []
