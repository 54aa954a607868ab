"""A tenant that calls too often learns how long to wait, in the form of its era."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.settings import TierSettings
from support.in_process.gateway import API, World, a_world

BOTH = pytest.mark.parametrize("era", ["old", "new"])
SLOW = {"pro": TierSettings(per_minute=10, burst=2), "free": TierSettings(per_minute=1, burst=1)}


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that allows a tenant two calls at once, and ten a minute."""
    async with a_world(tmp_path, tiers=SLOW) as world:
        yield world


async def call(world: World, era: str, tool: str = "list_tasks", **more: Any) -> Any:
    """Call a tool and return the raw response."""
    return await world.ask(era, "tools/call", {"name": tool, "arguments": {}}, **more)


async def test_a_newer_client_gets_429_with_the_wait(slow: World) -> None:
    for _ in range(2):
        assert (await call(slow, "new")).status_code == 200

    refused = await call(slow, "new")

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "6"
    assert refused.headers["ratelimit"] == '"minute";r=0;t=6'
    assert refused.headers["ratelimit-policy"] == '"minute";q=10;w=60'
    error = refused.json()["error"]
    assert error["code"] == 429
    assert error["data"] == {"retryAfter": 6}
    assert error["message"] == (
        "Your organisation may make 10 calls a minute. Nothing was done. Try again in 6 seconds."
    )


async def test_an_older_client_gets_a_tool_error_that_names_the_wait(slow: World) -> None:
    for _ in range(2):
        assert (await slow.call("old", "list_tasks"))["isError"] is False

    refused = await slow.call("old", "list_tasks")

    assert refused["isError"] is True
    assert refused["content"][0]["text"].endswith("Nothing was done. Try again in 6 seconds.")


@BOTH
async def test_a_call_over_the_limit_is_refused_and_recorded(slow: World, era: str) -> None:
    for _ in range(3):
        await call(slow, era)

    assert len(slow.api.requests) == 2
    last = slow.records[-1]
    assert (last["decision"], last["reason"], last["status"]) == ("refused", "rate_limited", None)


@BOTH
async def test_a_client_that_waited_as_told_is_admitted(slow: World, era: str) -> None:
    for _ in range(3):
        await call(slow, era)
    slow.clock.advance(seconds=6)

    assert (await slow.call(era, "list_tasks"))["isError"] is False


async def test_a_tenant_is_limited_as_a_whole_and_separately(slow: World) -> None:
    """All persons and clients of a tenant share the limit; other tenants have their own."""
    await call(slow, "new")
    await call(slow, "new", token=slow.token(sub="usr_eve", client_id="client_other"))

    assert (await call(slow, "new")).status_code == 429
    globex = slow.token(tenant_id="org_globex")
    assert (await call(slow, "new", token=globex)).status_code == 200


@pytest.mark.parametrize("tier", ["free", "", "platinum"])
async def test_a_tier_that_nobody_configured_is_the_default_one(slow: World, tier: str) -> None:
    token = slow.token(rate_limit_tier=tier)

    answers = [(await call(slow, "new", token=token)).status_code for _ in range(2)]

    assert answers == [200, 429]


async def test_a_tier_that_changed_counts_from_the_next_token_on_a153(slow: World) -> None:
    free = slow.token(rate_limit_tier="free")
    assert [(await call(slow, "new", token=free)).status_code for _ in range(2)] == [200, 429]

    answers = [(await call(slow, "new")).status_code for _ in range(3)]

    assert answers == [200, 200, 429]


@pytest.mark.parametrize("tool", ["delete_everything", "delete_task"])
async def test_calls_of_unknown_and_of_forbidden_tools_are_limited_alike(
    slow: World, tool: str
) -> None:
    """Otherwise they would cost their sender nothing, or a limit would reveal that the tool exists."""
    token = slow.token(allowed_tools=["list_tasks"])

    answers = [(await call(slow, "new", tool, token=token)).status_code for _ in range(4)]

    assert answers == [400, 400, 429, 429]
    assert (await call(slow, "new", token=token)).status_code == 429


async def test_calls_with_invalid_arguments_are_limited_like_others(slow: World) -> None:
    wrong = {"name": "list_tasks", "arguments": {"limit": "many"}}
    answers = [(await slow.new("tools/call", wrong)).status_code for _ in range(3)]

    assert answers == [200, 200, 429]
    assert slow.api.requests == []


async def test_a_tool_that_the_manifest_limits_is_limited_beside_the_tier(tmp_path: Path) -> None:
    for source in API.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    manifest = tmp_path / "tools.yaml"
    written = manifest.read_text()
    assert "\n  list_tasks:\n" in written
    limited = "\n  list_tasks:\n    limits: {per_minute: 1}\n"
    manifest.write_text(written.replace("\n  list_tasks:\n", limited))
    async with a_world(tmp_path, manifest=manifest) as world:
        assert (await call(world, "new")).status_code == 200
        refused = await call(world, "new")
        assert refused.headers["retry-after"] == "60"
        assert "may make 1 a minute of list_tasks" in refused.json()["error"]["message"]
        assert (await call(world, "new", "list_team_tasks")).status_code == 200


async def test_readiness_says_where_calls_are_counted(slow: World) -> None:
    assert (await slow.http.get("/readyz")).json()["details"]["limits"] == "counted by this process"
