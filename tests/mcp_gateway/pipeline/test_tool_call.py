"""One tool call: the request that reaches the API, and what a caller can't influence."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import World

BOTH = pytest.mark.parametrize("era", ["old", "new"])


def text(result: Any) -> str:
    """Read the text of a result's first content block."""
    return str(result["content"][0]["text"])


@BOTH
async def test_a_call_becomes_one_request_for_the_callers_tenant(world: World, era: str) -> None:
    result = await world.call(era, "list_tasks", {"q": "a b&c"})
    assert result["structuredContent"] == {"tasks": []}
    assert text(result) == '{"tasks":[]}'
    assert result["isError"] is False
    [request] = world.api.requests
    assert request.method == "GET"
    assert request.url == "http://127.0.0.1:8402/tasks?tenant_id=org_acme&q=a%20b%26c"


@BOTH
async def test_two_tenants_reach_their_own_rows_only_a123(world: World, era: str) -> None:
    for tenant in ("org_acme", "org_globex"):
        await world.call(era, "list_tasks", token=world.token(tenant_id=tenant))
        assert world.api.requests[-1].url.endswith(f"?tenant_id={tenant}")


@BOTH
@pytest.mark.parametrize("tool", ["list_tasks", "create_task"])
async def test_a_tenant_named_by_the_model_is_refused_before_anything_is_sent_a123(
    world: World, era: str, tool: str
) -> None:
    arguments = {"tenant_id": "org_globex", "title": "x"}
    result = await world.call(era, tool, arguments)
    assert result["isError"] is True
    assert "tenant_id" in text(result)
    assert world.api.requests == []


@BOTH
async def test_of_two_hundred_people_at_once_each_gets_their_own_answer_a125(
    world: World, era: str
) -> None:
    def echo(request: HttpRequest) -> HttpResponse:
        tenant = request.url.partition("tenant_id=")[2]
        return HttpResponse(200, "application/json", f'{{"canary":"{tenant}"}}'.encode())

    world.api.answer = echo
    tenants = [f"org_{number}" for number in range(200)]

    results = await asyncio.gather(
        *(
            world.call(era, "list_tasks", token=world.token(tenant_id=tenant, jti=tenant))
            for tenant in tenants
        )
    )

    assert [result["structuredContent"]["canary"] for result in results] == tenants


async def test_a_bound_argument_is_in_no_schema(world: World) -> None:
    for tool in (await world.new("tools/list")).json()["result"]["tools"]:
        assert "tenant_id" not in tool["inputSchema"].get("properties", {})


@BOTH
@pytest.mark.parametrize("tool", ["list_tasks", "create_task"])
async def test_r7_a_call_without_the_bound_claim_fails_closed(
    world: World, era: str, tool: str
) -> None:
    arguments = {"title": "x"} if tool == "create_task" else {}
    result = await world.call(era, tool, arguments, token=world.token(tenant_id=""))
    assert result["isError"] is True
    assert "tenant_id" in text(result)
    assert world.api.requests == []


@pytest.mark.parametrize(
    ("data_scope", "query"),
    [
        ("team:engineering", "team=engineering"),
        ("team:sales region:eu team:engineering", "team=engineering&team=sales"),
    ],
)
async def test_the_data_scope_fills_what_is_bound_to_it(
    world: World, data_scope: str, query: str
) -> None:
    await world.call("new", "list_team_tasks", token=world.token(data_scope=data_scope))
    assert world.api.requests[-1].url.endswith(f"/tasks?tenant_id=org_acme&{query}")


async def test_a_caller_without_a_team_gets_no_team_list(world: World) -> None:
    result = await world.call("new", "list_team_tasks", token=world.token(data_scope="region:eu"))
    assert (result["isError"], world.api.requests) == (True, [])


@BOTH
async def test_every_problem_of_the_arguments_is_listed_and_nothing_is_sent(
    world: World, era: str
) -> None:
    result = await world.call(era, "create_task", {"title": "", "priority": 9})
    assert result["isError"] is True
    assert "title" in text(result)
    assert "priority" in text(result)
    assert world.api.requests == []


@BOTH
async def test_a_forbidden_tool_and_an_unknown_one_are_answered_alike_a124(
    world: World, era: str
) -> None:
    token = world.token(allowed_tools=["get_task"])
    forbidden = await world.ask(
        era, "tools/call", {"name": "list_tasks", "arguments": {}}, token=token
    )
    unknown = await world.ask(
        era, "tools/call", {"name": "no_such_tool", "arguments": {}}, token=token
    )
    assert forbidden.status_code == unknown.status_code
    assert forbidden.content.replace(b"list_tasks", b"no_such_tool") == unknown.content
    assert forbidden.headers.keys() == unknown.headers.keys()
    listed = (await world.ask(era, "tools/list", token=token)).json()["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["get_task"]
    assert world.api.requests == []


@BOTH
@pytest.mark.parametrize("allowed", [[], ["@nothing"], ["List_Tasks"], ["@list_tasks"]])
async def test_allowed_tools_that_name_nothing_allow_nothing(
    world: World, era: str, allowed: list[str]
) -> None:
    token = world.token(allowed_tools=allowed, scope="mcp:admin")
    listed = (await world.ask(era, "tools/list", token=token)).json()["result"]["tools"]
    assert listed == []
    answer = await world.ask(era, "tools/call", {"name": "list_tasks"}, token=token)
    assert answer.json()["error"]["message"] == "Unknown tool: list_tasks"


async def test_a_modern_client_without_the_scope_is_challenged_to_step_up_a120(
    world: World,
) -> None:
    """MCP authorization 2026-07-28, Runtime Insufficient Scope Errors."""
    answer = await world.new("tools/call", {"name": "delete_task", "arguments": {"id": "1"}})
    assert answer.status_code == 403
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_scope", resource_metadata="http')
    assert 'scope="mcp:admin"' in challenge
    assert "account/app" not in challenge
    assert answer.json()["id"] == 1
    assert world.api.requests == []


async def test_an_older_client_without_the_scope_is_told_how_to_allow_it(world: World) -> None:
    result = await world.call("old", "delete_task", {"id": "1"})
    assert result["isError"] is True
    assert "mcp:admin" in text(result)
    assert "http://127.0.0.1:8400/account/app?grant=grant_1&tool=delete_task " in text(result)
    assert world.api.requests == []
    key = world.token(grant_id="key_1")
    assert "http" not in text(await world.call("old", "delete_task", {"id": "1"}, token=key))


@BOTH
async def test_a_tool_stays_listed_if_only_its_scope_is_missing(world: World, era: str) -> None:
    listed = (await world.ask(era, "tools/list")).json()["result"]["tools"]
    assert "delete_task" in [tool["name"] for tool in listed]


@BOTH
async def test_a_wider_scope_covers_a_narrower_one(world: World, era: str) -> None:
    world.api.answer = lambda _: HttpResponse(204, "", b"")
    token = world.token(scope="mcp:admin")
    deleted = await world.call(era, "delete_task", {"id": "1"}, token=token)
    assert deleted["isError"] is False
    assert "204" in text(deleted)
    listed = await world.call(era, "get_task", {"id": "1"}, token=world.token(scope="mcp:write"))
    assert listed["isError"] is False


@BOTH
async def test_the_clients_token_and_headers_never_go_upstream_a121_a122(
    world: World, era: str
) -> None:
    token = world.token()
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "list_tasks", "arguments": {"X-View": "wide"}},
    }
    if era == "old":
        await world.post(body, token=token, headers={"cookie": "a=b", "x-tenant-id": "org_globex"})
    else:
        await world.call("new", "list_tasks", {"X-View": "wide"}, token=token)
    request = world.api.requests[-1]
    assert token not in repr(request)
    assert {name.lower() for name, _ in request.headers} == {
        "accept",
        "x-view",
        "gatepost-assertion",
    }


async def test_an_answer_the_api_refuses_is_an_error_in_the_apis_own_words(world: World) -> None:
    world.api.answer = lambda _: HttpResponse(
        409, "application/problem+json", b'{"title":"Taken","detail":"In use","secret":"s3"}'
    )
    result = await world.call("new", "create_task", {"title": "x"})
    assert result["isError"] is True
    assert text(result) == "The API answered 409 Conflict.\ntitle: Taken\ndetail: In use"


async def test_an_api_that_fails_is_a_tool_error(world: World) -> None:
    def fail(_: HttpRequest) -> HttpResponse:
        raise RequestFailed("deadline", "The API did not answer within 5 seconds.")

    world.api.answer = fail
    result = await world.call("old", "list_tasks")
    assert (result["isError"], text(result)) == (
        True,
        "The API did not answer within 5 seconds.",
    )
    assert world.records[-1]["reason"] == "deadline"


@BOTH
async def test_a_fault_of_ours_names_the_call_and_nothing_else_a158(world: World, era: str) -> None:
    def break_down(_: HttpRequest) -> HttpResponse:
        raise RuntimeError("s3cret")

    world.api.answer = break_down
    with capture_logs():
        result = await world.call(era, "list_tasks")
    assert result["isError"] is True
    assert "s3cret" not in text(result)
    assert world.records[-1]["call_id"] in text(result)
    assert world.records[-1]["reason"] == "gateway_error"


async def test_every_call_leaves_one_record_refused_or_not_and_never_its_arguments_a158(
    world: World,
) -> None:
    await world.call("new", "list_tasks", {"q": "confidential"})
    await world.call("old", "create_task", {"title": 7})
    await world.new("tools/call", {"name": "delete_task"})
    await world.old("tools/call", {"name": "nothing"})
    seen = [(r["tool"], r["decision"], r["reason"], r["status"]) for r in world.records]
    assert seen == [
        ("list_tasks", "allowed", "", 200),
        ("create_task", "refused", "invalid_arguments", None),
        ("delete_task", "refused", "insufficient_scope", None),
        ("nothing", "refused", "unknown_tool", None),
    ]
    first = world.records[0]
    assert (first["tenant_id"], first["sub"], first["client_id"], first["grant_id"]) == (
        "org_acme",
        "usr_ada",
        "client_claude",
        "grant_1",
    )
    assert world.records[1]["error"] == "title: must be a string"
    assert "confidential" not in repr(world.records)


async def test_a_call_of_a_sub_agent_is_recorded_under_its_name_a224(world: World) -> None:
    act = {"sub": "summariser", "act": {"sub": "client_claude#researcher"}}
    await world.call("new", "list_tasks", {}, token=world.token(act=act))
    await world.call("new", "list_tasks", {})

    callers = [(r["sub"], r["client_id"], r["actor"]) for r in world.records]
    assert callers == [
        ("usr_ada", "client_claude", "summariser"),
        ("usr_ada", "client_claude", ""),
    ]


async def test_names_and_values_that_a_model_invents_are_told_to_it_but_not_recorded_a158(
    world: World,
) -> None:
    result = await world.call("new", "create_task", {"title": "Try it", "s3cret": "confidential"})
    assert "s3cret: unknown argument" in text(result)
    assert world.records[-1]["error"].startswith("unknown argument; ")
    assert "s3cret" not in repr(world.records)
