"""The gateway's own protocol code answers as the official SDK's server does, right or wrong.

Where they differ on purpose (batches, which the SDK refuses even at 2025-03-26; malformed
envelopes, to which it answers -32602 where JSON-RPC says -32600; a `Content-Type` that is not JSON,
which it takes in the modern era) the cases are not listed here.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import mcp_types
import orjson
import pytest
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

from support.in_process.gateway import API, META, MODERN, USUAL, World, a_world

PERSON = {"capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
NEXT = "2027-01-01"
PROMPT = {"type": "ref/prompt", "name": "plan_week"}
PLAN: dict[str, Any] = {"name": "plan_week", "arguments": {"team": "design"}}
GUIDE = {"uri": "tracker://guide"}
TYPED = {"ref": PROMPT, "argument": {"name": "team", "value": "d"}}
DELETE: dict[str, Any] = {"name": "delete_task", "arguments": {"id": "1"}}
LISTEN = {"notifications": 1}  # a filter would open a stream
ASKABLE = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
CLIENT = "io.modelcontextprotocol/clientInfo"

# Method, params: sent without a version header and at each revision of the handshake era.
OLD: list[tuple[str, Any]] = [
    ("ping", {}),
    ("ping", None),
    ("initialize", {"protocolVersion": "2025-06-18", **PERSON}),
    ("initialize", {"protocolVersion": "1999-01-01", **PERSON}),
    ("initialize", {"protocolVersion": 1, **PERSON}),
    ("initialize", {}),
    ("initialize", {"protocolVersion": "2025-06-18", **PERSON, "capabilities": 1}),
    ("tools/list", {}),
    ("tools/list", {"cursor": 1}),
    ("tools/call", {"name": "get_task", "arguments": {"id": "1"}}),
    ("tools/call", {"name": "get_task", "arguments": []}),
    ("tools/call", {"name": 1}),
    ("tools/call", {}),
    ("tools/call", {"name": "nothing"}),
    ("nothing", {}),
    ("server/discover", {}),
    ("logging/setLevel", {"level": "info"}),
    ("logging/setLevel", {"level": "loud"}),
    ("logging/setLevel", {}),
    ("prompts/list", {}),
    ("prompts/list", {"cursor": {}}),
    ("prompts/get", {"name": "plan_week", "arguments": {"team": "design"}}),
    ("prompts/get", {"name": "plan_week", "arguments": {"team": 1}}),
    ("prompts/get", {"name": "plan_week", "arguments": []}),
    ("prompts/get", {"name": ["plan_week"]}),
    ("prompts/get", {"name": "nothing"}),
    ("prompts/get", {}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "tracker://guide"}),
    ("resources/read", {"uri": 1}),
    ("resources/read", {}),
    ("resources/subscribe", {"uri": "tracker://guide"}),
    ("resources/subscribe", {"uri": 1}),
    ("resources/unsubscribe", {"uri": "tracker://guide"}),
    ("resources/unsubscribe", {}),
    ("completion/complete", {"ref": PROMPT, "argument": {"name": "team", "value": "d"}}),
    ("completion/complete", {"ref": PROMPT, "argument": {"name": "team", "value": 1}}),
    ("completion/complete", {"ref": PROMPT, "argument": {"name": "team"}}),
    ("completion/complete", {"ref": {"type": "?"}, "argument": {"name": "a", "value": "b"}}),
    ("completion/complete", {"ref": "x"}),
    ("completion/complete", {}),
    ("elicitation/create", {}),
]
# Headers (version, method, name), method, params: sent at 2026-07-28.
NEW: list[tuple[tuple[str, str | None, str | None], str, Any]] = [
    ((MODERN, "server/discover", None), "server/discover", {"_meta": META}),
    ((MODERN, "tools/list", None), "tools/list", {"_meta": META}),
    ((MODERN, "tools/list", None), "tools/list", {}),
    ((MODERN, "tools/list", None), "tools/list", {"_meta": {}}),
    ((MODERN, "tools/list", None), "tools/list", {"_meta": {**META, CAPABILITIES: 1}}),
    ((MODERN, "tools/list", None), "tools/list", {"_meta": {**META, CLIENT: 1}}),
    ((MODERN, "tools/list", None), "tools/list", {"_meta": META, "cursor": 1}),
    ((MODERN, None, None), "tools/list", {"_meta": META}),
    ((MODERN, "tools/call", None), "tools/list", {"_meta": META}),
    ((MODERN, "tools/call", "get_task"), "tools/call", {"name": "get_task", "_meta": META}),
    ((MODERN, "tools/call", None), "tools/call", {"name": "get_task", "_meta": META}),
    ((MODERN, "tools/call", "nothing"), "tools/call", {"name": "get_task", "_meta": META}),
    ((MODERN, "tools/call", "nothing"), "tools/call", {"name": "nothing", "_meta": META}),
    ((MODERN, "tools/call", "1"), "tools/call", {"name": 1, "_meta": META}),
    ((MODERN, "tools/call", None), "tools/call", {"_meta": META}),
    ((MODERN, "nothing", None), "nothing", {"_meta": META}),
    ((MODERN, "ping", None), "ping", {"_meta": META}),
    ((MODERN, "initialize", None), "initialize", {"_meta": META, **PERSON}),
    ((MODERN, "tools/call", "delete_task"), "tools/call", {**DELETE, "_meta": ASKABLE}),
    ((MODERN, "tools/call", "delete_task"), "tools/call", {**DELETE, "_meta": META}),
    ((MODERN, "prompts/list", None), "prompts/list", {"_meta": META}),
    ((MODERN, "prompts/get", "plan_week"), "prompts/get", {**PLAN, "_meta": META}),
    ((MODERN, "prompts/get", None), "prompts/get", {**PLAN, "_meta": META}),
    ((MODERN, "prompts/get", "nothing"), "prompts/get", {"name": "nothing", "_meta": META}),
    (
        (MODERN, "prompts/get", "plan_week"),
        "prompts/get",
        {"name": "plan_week", "arguments": 1, "_meta": META},
    ),
    ((MODERN, "resources/list", None), "resources/list", {"_meta": META}),
    ((MODERN, "resources/templates/list", None), "resources/templates/list", {"_meta": META}),
    ((MODERN, "resources/read", "tracker://guide"), "resources/read", {**GUIDE, "_meta": META}),
    ((MODERN, "resources/read", "tracker://other"), "resources/read", {**GUIDE, "_meta": META}),
    ((MODERN, "resources/read", None), "resources/read", {**GUIDE, "_meta": META}),
    ((MODERN, "resources/read", None), "resources/read", {"_meta": META}),
    ((MODERN, "completion/complete", None), "completion/complete", {**TYPED, "_meta": META}),
    ((MODERN, "completion/complete", None), "completion/complete", {"ref": 1, "_meta": META}),
    ((MODERN, "logging/setLevel", None), "logging/setLevel", {"level": "info", "_meta": META}),
    ((MODERN, "resources/subscribe", None), "resources/subscribe", {**GUIDE, "_meta": META}),
    ((MODERN, "subscriptions/listen", None), "subscriptions/listen", {**LISTEN, "_meta": META}),
    ((NEXT, "tools/list", None), "tools/list", {"_meta": META}),
    ((NEXT, "tools/list", None), "tools/list", {"_meta": {**META, VERSION: NEXT}}),
]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, manifest=API / "talking.yaml") as opened:
        yield opened


async def list_tools(_: Any, __: Any) -> mcp_types.ListToolsResult:
    search = {"type": "string", "x-mcp-header": "Search"}
    schemas: dict[str, dict[str, Any]] = {
        "get_task": {"type": "object"},
        "delete_task": {"type": "object"},
        "list_tasks": {"type": "object", "properties": {"q": search}},
    }
    tools = [mcp_types.Tool(name=name, input_schema=schema) for name, schema in schemas.items()]
    return mcp_types.ListToolsResult(tools=tools)


async def call_tool(
    context: Any, params: Any
) -> mcp_types.CallToolResult | mcp_types.InputRequiredResult:
    if params.name == "delete_task":
        if context.meta[CAPABILITIES] == {}:
            required: dict[str, Any] = {"requiredCapabilities": {"elicitation": {}}}
            raise MCPError(code=-32021, message="cannot ask", data=required)
        return mcp_types.InputRequiredResult(request_state="x")
    if params.name not in ("get_task", "list_tasks"):
        raise MCPError(code=-32602, message=f"Unknown tool: {params.name}")
    return mcp_types.CallToolResult(content=[])


async def list_prompts(_: Any, __: Any) -> mcp_types.ListPromptsResult:
    return mcp_types.ListPromptsResult(prompts=[])


async def get_prompt(_: Any, params: Any) -> mcp_types.GetPromptResult:
    if params.name != "plan_week":
        raise MCPError(code=-32602, message=f"Unknown prompt: {params.name}")
    return mcp_types.GetPromptResult(messages=[])


async def list_resources(_: Any, __: Any) -> mcp_types.ListResourcesResult:
    return mcp_types.ListResourcesResult(resources=[])


async def list_templates(_: Any, __: Any) -> mcp_types.ListResourceTemplatesResult:
    return mcp_types.ListResourceTemplatesResult(resource_templates=[])


async def read_resource(_: Any, params: Any) -> mcp_types.ReadResourceResult:
    contents = mcp_types.TextResourceContents(uri=params.uri, text="x")
    return mcp_types.ReadResourceResult(contents=[contents])


async def complete(_: Any, __: Any) -> mcp_types.CompleteResult:
    return mcp_types.CompleteResult(completion=mcp_types.Completion(values=[]))


async def set_level(_: Any, __: Any) -> mcp_types.EmptyResult:
    return mcp_types.EmptyResult()


async def subscribe(_: Any, __: Any) -> mcp_types.EmptyResult:
    return mcp_types.EmptyResult()


@pytest.fixture
async def sdk() -> AsyncIterator[httpx2.AsyncClient]:
    """Run the SDK's server with as much, stateless and answering JSON."""
    # The SDK warns of features that clients may still use.
    with pytest.warns(MCPDeprecationWarning):
        server = Server(
            "peer",
            version="1",
            on_list_tools=list_tools,
            on_call_tool=call_tool,
            on_list_prompts=list_prompts,
            on_get_prompt=get_prompt,
            on_list_resources=list_resources,
            on_list_resource_templates=list_templates,
            on_read_resource=read_resource,
            on_completion=complete,
            on_set_logging_level=set_level,
            on_subscribe_resource=subscribe,
            on_unsubscribe_resource=subscribe,
            on_subscriptions_listen=ListenHandler(InMemorySubscriptionBus()),
        )
    manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
    async with (
        manager.run(),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(manager.handle_request), base_url="http://peer"
        ) as client,
    ):
        yield client


async def compare(
    world: World, sdk: httpx2.AsyncClient, message: object, headers: dict[str, str]
) -> None:
    """Send both the same and require the same status, id, error code and versions."""
    sent = {**USUAL, **headers}
    ours = await world.post(message, headers=sent)
    theirs = await sdk.post("/mcp", content=orjson.dumps(message), headers=sent)
    assert summary(ours) == summary(theirs)


def summary(answer: httpx2.Response) -> tuple[object, ...]:
    """Keep what must not differ."""
    if not answer.content or answer.status_code == 406:
        return (int(answer.status_code),)
    body = answer.json()
    error = body.get("error") or {}
    result = body.get("result", {})
    told = tuple(result.get(member) for member in ("protocolVersion", "resultType"))
    cached = "ttlMs" in result and "cacheScope" in result
    # Clients read the data only here.
    versions = error.get("data") if error.get("code") == -32022 else None
    return int(answer.status_code), body["id"], error.get("code"), versions, told, cached


@pytest.mark.parametrize("version", [None, "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_the_handshake_era_is_answered_as_the_sdk_does(
    world: World, sdk: httpx2.AsyncClient, version: str | None
) -> None:
    headers = {"mcp-protocol-version": version} if version else {}
    for method, params in OLD:
        await compare(
            world, sdk, {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}, headers
        )
    await compare(world, sdk, {"jsonrpc": "2.0", "method": "notifications/initialized"}, headers)


@pytest.mark.parametrize("case", range(len(NEW)))
async def test_the_modern_era_is_answered_as_the_sdk_does(
    world: World, sdk: httpx2.AsyncClient, case: int
) -> None:
    (version, mirrored, name), method, params = NEW[case]
    headers = {"mcp-protocol-version": version, "mcp-method": mirrored, "mcp-name": name}
    await compare(
        world,
        sdk,
        {"jsonrpc": "2.0", "id": "x", "method": method, "params": params},
        {header: value for header, value in headers.items() if value is not None},
    )


@pytest.mark.parametrize("version", ["2025-11-25", MODERN])
@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/*", "text/html", ""])
async def test_the_accept_header_is_read_as_the_sdk_does(
    world: World, sdk: httpx2.AsyncClient, version: str, accept: str
) -> None:
    headers = {"mcp-protocol-version": version, "mcp-method": "tools/list", "accept": accept}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}
    await compare(world, sdk, message, headers)


@pytest.mark.parametrize(
    ("arguments", "header"),
    [
        ({"q": "x"}, "x"),
        ({"q": "x"}, "=?base64?eA==?="),
        ({"q": "x"}, "=?base64?eA?="),
        ({"q": "x"}, "X"),
        ({"q": "x"}, None),
        ({"q": None}, None),
        ({"q": None}, "x"),
        ({}, "x"),
        ({}, None),
    ],
)
async def test_repeated_arguments_are_compared_as_the_sdk_does(
    world: World, sdk: httpx2.AsyncClient, arguments: Any, header: str | None
) -> None:
    params = {"name": "list_tasks", "arguments": arguments, "_meta": META}
    headers = {
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/call",
        "mcp-name": "list_tasks",
        **({} if header is None else {"mcp-param-search": header}),
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    await compare(world, sdk, message, headers)
