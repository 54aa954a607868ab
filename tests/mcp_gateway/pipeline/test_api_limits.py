"""Each of several APIs has a limit of its own, beside the plan of the tenant."""

from pathlib import Path
from typing import Any

import pytest

from gatepost.settings import SettingsError
from mcp_gateway.settings import TierSettings
from support.in_process.gateway import World, a_world, make_settings
from support.in_process.jobs import Follower, JobsApi
from support.in_process.several_apis import ALL, two_apis, write_api

BOTH = pytest.mark.parametrize("era", ["old", "new"])
TOOLS = (
    "  list: {operation: list, former: [{name: list_all, until: '2099-01-01'}]}\n"
    "  pay: {operation: pay}\n"
)
COMPOSITE = (
    "  pay_twice:\n    description: Pay.\n    billing: {units: 1}\n"
    "    calls: [{as: one, tool: pay}, {as: two, tool: pay}]\n    result: {all: one.things}\n"
)
JOBS = (
    "  pay:\n    operation: pay\n    task:\n      id: job.id\n      status: get\n"
    "      state: job.state\n      states: {working: [running], completed: [done]}\n"
    "  get: {operation: get}\n"
)


def limited(folder: Path, tools: str = "", *, per_minute: int = 3, **changes: Any) -> Any:
    """Return the settings of two APIs, of which `billing` has a limit."""
    settings = two_apis(folder, billing={"per_minute": per_minute})
    if tools:
        write_api(folder, "billing", tools, head="search_above: 1\n")
    return settings | changes


async def ask(world: World, tool: str, era: str = "new", **more: Any) -> Any:
    """Call a tool as a client that may use everything, and return the raw response."""
    token = more.pop("token", None) or world.token(allowed_tools=ALL)
    params = {"name": tool, "arguments": more.pop("arguments", {}), **more}
    return await world.ask(era, "tools/call", params, token=token)


async def statuses(world: World, tool: str, times: int, **more: Any) -> list[int]:
    """Call a tool some times, and return the statuses."""
    return [(await ask(world, tool, **more)).status_code for _ in range(times)]


async def test_calls_that_one_api_does_not_take_leave_the_plan_to_others_a404(
    tmp_path: Path,
) -> None:
    """The plan allows ten calls at once. A hundred calls to a limited API use up three of them."""
    tiers = dict.fromkeys(("free", "pro"), TierSettings(per_minute=10, burst=10))
    async with a_world(tmp_path, **limited(tmp_path, tiers=tiers)) as world:
        answers = await statuses(world, "billing_list", 100)
        assert answers == [200] * 3 + [429] * 97
        assert len(world.api.requests) == 3
        assert await statuses(world, "orbit_list", 8) == [200] * 7 + [429]


async def test_the_limit_of_an_api_is_each_tenants_own_a404(tmp_path: Path) -> None:
    async with a_world(tmp_path, **limited(tmp_path)) as world:
        assert await statuses(world, "billing_list", 4) == [200] * 3 + [429]
        globex = world.token(allowed_tools=ALL, tenant_id="org_globex")
        assert await statuses(world, "billing_list", 1, token=globex) == [200]


async def test_two_limited_apis_count_apart_a404(tmp_path: Path) -> None:
    settings = two_apis(tmp_path, billing={"per_minute": 3}, orbit={"per_minute": 2})
    async with a_world(tmp_path, **settings) as world:
        assert await statuses(world, "billing_list", 4) == [200] * 3 + [429]
        assert await statuses(world, "orbit_list", 3) == [200, 200, 429]


@BOTH
async def test_the_refusal_names_the_api_and_the_wait(tmp_path: Path, era: str) -> None:
    async with a_world(tmp_path, **limited(tmp_path)) as world:
        for _ in range(3):
            await ask(world, "billing_get", era, arguments={"id": "1"})
        refused = await ask(world, "billing_list", era)
        said = (
            "Your organisation may make 3 calls a minute to Billing. Nothing was done. Try again in"
        )
        assert f"{said} 20 seconds." in refused.text
        event = world.records[-1]
        assert (event["api"], event["reason"], event["cost"]) == ("billing", "rate_limited", 0)
        if era == "new":
            assert refused.headers["ratelimit-policy"] == '"api";q=3;w=60'
            assert refused.headers["retry-after"] == "20"


async def test_the_limit_is_spread_over_the_minute(tmp_path: Path) -> None:
    async with a_world(tmp_path, **limited(tmp_path)) as world:
        assert await statuses(world, "billing_list", 4) == [200] * 3 + [429]
        world.clock.advance(seconds=20)
        assert await statuses(world, "billing_list", 2) == [200, 429]


async def test_a_composite_tool_counts_as_the_calls_that_it_makes_a405(tmp_path: Path) -> None:
    async with a_world(tmp_path, **limited(tmp_path, TOOLS + COMPOSITE)) as world:
        assert await statuses(world, "billing_pay_twice", 1) == [200]
        assert len(world.api.requests) == 2
        refused = await ask(world, "billing_pay_twice")
        assert (
            "3 calls a minute to Billing, and one of billing_pay_twice counts as 2" in refused.text
        )
        # One more call has room after two of three.
        assert await statuses(world, "billing_list", 2) == [200, 429]


async def test_a_composite_tool_of_more_calls_than_the_limit_keeps_its_rate_a405(
    tmp_path: Path,
) -> None:
    settings = limited(tmp_path, TOOLS + COMPOSITE, per_minute=1)
    async with a_world(tmp_path, **settings) as world:
        assert await statuses(world, "billing_pay_twice", 2) == [200, 429]
        world.clock.advance(seconds=119)
        assert await statuses(world, "billing_pay_twice", 1) == [429]
        world.clock.advance(seconds=1)
        assert await statuses(world, "billing_pay_twice", 1) == [200]


async def test_no_other_name_or_way_to_call_gets_around_the_limit_a405(tmp_path: Path) -> None:
    async with a_world(tmp_path, **limited(tmp_path, TOOLS)) as world:
        found = {"name": "billing_list", "arguments": {}}
        assert await statuses(world, "execute_tool", 1, arguments=found) == [200]
        assert await statuses(world, "billing_list_all", 2) == [200, 200]
        assert len(world.api.requests) == 3
        assert await statuses(world, "billing_list", 1) == [429]
        assert await statuses(world, "billing_list_all", 1) == [429]
        assert await statuses(world, "execute_tool", 1, arguments=found) == [429]


async def test_questions_about_a_task_count_against_its_api_a405(tmp_path: Path) -> None:
    async with a_world(tmp_path, **limited(tmp_path, JOBS)) as world:
        world.api.answer = api = JobsApi()
        client = Follower(world, api)
        params = {"name": "billing_pay", "arguments": {}}
        started = await client.send("tools/call", params, allowed_tools=ALL)
        task = {"taskId": started.json()["result"]["taskId"]}
        for sent in (2, 3, 3):
            seen = await client.get(task["taskId"], allowed_tools=ALL)
            assert (seen["status"], len(world.api.requests)) == ("working", sent)
        assert "may make 3 calls a minute to Billing. Nothing was sent." in seen["statusMessage"]
        assert await statuses(world, "billing_get", 1, arguments={"id": "1"}) == [429]
        world.clock.advance(seconds=20)
        seen = await client.get(task["taskId"], allowed_tools=ALL)
        assert (seen["status"], len(world.api.requests)) == ("working", 4)


async def test_questions_that_the_gateway_asks_while_a_client_waits_count_too_a405(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path, **limited(tmp_path, JOBS)) as world:
        world.api.answer = JobsApi()
        answer = await ask(world, "billing_pay")
        assert "still working" in answer.text
        # Three at once and then one in 20 seconds, although the job is looked at more often.
        assert len(world.api.requests) == 4
        assert len(world.waits) > 4


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "many", 10_000_001])
def test_a_limit_that_is_none_is_refused_by_its_name(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises((SettingsError, ValueError), match="per_minute"):
        make_settings(tmp_path, **two_apis(tmp_path, billing={"per_minute": wrong}))
