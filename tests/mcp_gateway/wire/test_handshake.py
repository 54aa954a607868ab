"""The handshake era, up to 2025-11-25."""

from typing import Any

import pytest

from support.in_process.gateway import MODERN, World

VERSIONS = ["2025-03-26", "2025-06-18", "2025-11-25"]
PERSON: dict[str, Any] = {"capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}


def request(method: str, params: Any = None, *, number: int = 1) -> dict[str, Any]:
    """Write one request."""
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}


@pytest.mark.parametrize(
    ("asked", "answered"),
    [*zip(VERSIONS, VERSIONS, strict=True), ("1999-01-01", "2025-11-25"), (MODERN, "2025-11-25")],
)
async def test_a_client_gets_the_revision_it_asks_for_or_the_newest_of_its_era(
    world: World, asked: str, answered: str
) -> None:
    answer = await world.post(request("initialize", {"protocolVersion": asked, **PERSON}))
    result = answer.json()["result"]
    assert result["protocolVersion"] == answered
    assert result["capabilities"] == {"logging": {}, "tools": {"listChanged": True}}
    assert result["serverInfo"]["name"] == "Tracker"
    other = await world.post(request("initialize", {"protocolVersion": asked, **PERSON}))
    sessions = {each.headers["mcp-session-id"] for each in (answer, other)}
    assert len(sessions) == 2


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_list_but_that_of_tools_is_empty(world: World, version: str) -> None:
    lists = {
        "prompts/list": "prompts",
        "resources/list": "resources",
        "resources/templates/list": "resourceTemplates",
    }
    for method, member in lists.items():
        answer = await world.old(method, version=version)
        assert answer.json() == {"jsonrpc": "2.0", "id": 1, "result": {member: []}}
    assert (await world.old("ping", version=version)).json()["result"] == {}
    assert len((await world.old("tools/list", version=version)).json()["result"]["tools"]) == 5


async def test_tools_are_listed_in_order_with_what_a_model_needs(world: World) -> None:
    result = (await world.old("tools/list")).json()["result"]
    names = [tool["name"] for tool in result["tools"]]
    assert names == sorted(names)
    assert set(result) == {"tools"}
    by_name = {tool["name"]: tool for tool in result["tools"]}
    assert by_name["delete_task"]["annotations"]["destructiveHint"] is True
    assert by_name["get_task"]["annotations"]["readOnlyHint"] is True
    assert by_name["get_task"]["inputSchema"]["type"] == "object"


@pytest.mark.parametrize("era", ["old", "new"])
@pytest.mark.parametrize(
    "absent", ["cursor", "arguments", "requestState", "inputResponses", "context"]
)
async def test_a_member_that_is_null_is_absent(world: World, era: str, absent: str) -> None:
    """Clients in Java and C# write what they do not set as null."""
    params = {"name": "list_tasks", absent: None}
    assert (await world.ask(era, "tools/call", params)).json()["result"]["isError"] is False
    assert (await world.ask(era, "tools/list", {absent: None})).status_code == 200


async def test_meta_that_is_null_is_absent(world: World) -> None:
    for method, params in (("tools/list", {}), ("tools/call", {"name": "list_tasks"})):
        answer = await world.old(method, {**params, "_meta": None})
        assert "result" in answer.json(), answer.text


@pytest.mark.parametrize("version", ["2099-01-01", "", "latest", "2025-11-25x"])
@pytest.mark.parametrize("params", [None, {}, {"_meta": None}, {"name": "list_tasks"}])
async def test_a_client_of_an_unknown_version_is_told_those_that_are_served(
    world: World, version: str, params: Any
) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params}
    answer = await world.post(message, headers={"mcp-protocol-version": version})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, -32022)
    assert error["data"]["requested"] == version
    for served in (version, MODERN, *VERSIONS):
        assert served in error["message"]


async def test_a_client_without_a_version_header_is_served_as_of_2025_03_26(world: World) -> None:
    answer = await world.post([request("ping")])
    assert answer.json() == [{"jsonrpc": "2.0", "id": 1, "result": {}}]


async def test_a_batch_is_answered_request_by_request(world: World) -> None:
    """2025-03-26 basic, Batching."""
    batch = [
        request("ping", number=1),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        request("tools/call", {"name": "list_tasks"}, number=2),
        request("nothing", number=3),
        7,
        request("initialize", {"protocolVersion": "2025-03-26", **PERSON}, number=4),
    ]
    answer = await world.post(batch)
    assert answer.status_code == 200
    by_id = {item["id"]: item for item in answer.json()}
    assert by_id[1]["result"] == {}
    assert by_id[2]["result"]["isError"] is False
    assert by_id[3]["error"]["code"] == -32601
    assert by_id[4]["error"]["code"] == by_id[None]["error"]["code"] == -32600
    assert len({record["call_id"] for record in world.records}) == 1


async def test_a_batch_of_notifications_is_acknowledged(world: World) -> None:
    batch = [{"jsonrpc": "2.0", "method": "notifications/initialized"}]
    answer = await world.post(batch)
    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize("batch", [[], [{"jsonrpc": "2.0", "method": "x"}] * 51])
async def test_an_empty_or_endless_batch_is_refused(world: World, batch: list[object]) -> None:
    answer = await world.post(batch)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
async def test_a_batch_is_refused_in_revisions_without_batches(world: World, version: str) -> None:
    answer = await world.post([request("ping")], headers={"mcp-protocol-version": version})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}},
    ],
)
async def test_a_message_without_an_answer_is_acknowledged(world: World, message: object) -> None:
    answer = await world.post(message, headers={"mcp-protocol-version": "2025-11-25"})
    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize("version", ["2023-01-01", "latest", ""])
async def test_an_unknown_version_is_a_bad_request(world: World, version: str) -> None:
    answer = await world.post(request("ping"), headers={"mcp-protocol-version": version})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"name": {"a": 1}}, "params.name"),
        ({"name": None}, "params.name"),
        ({}, "params.name"),
        ({"name": "list_tasks", "arguments": []}, "params.arguments"),
        ({"name": "list_tasks", "arguments": "q"}, "params.arguments"),
        ({"name": "list_tasks", "_meta": 1}, "params._meta"),
    ],
)
async def test_params_of_the_wrong_type_are_named(
    world: World, params: dict[str, Any], named: str
) -> None:
    answer = await world.old("tools/call", params)
    assert answer.status_code == 200
    assert answer.json()["error"]["code"] == -32602
    assert answer.json()["error"]["message"].startswith(named)


@pytest.mark.parametrize(
    "changes",
    [
        {"jsonrpc": "1.0"},
        {"id": None},
        {"id": True},
        {"id": 1.5},
        {"id": {"a": 1}},
        {"method": 1},
        {"method": None},
    ],
)
async def test_a_message_that_is_not_a_request_is_refused(
    world: World, changes: dict[str, Any]
) -> None:
    answer = await world.post({**request("ping"), **changes})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a":NaN}', b"[" * 5000, b'"\\ud800"'])
async def test_a_body_that_is_not_json_is_a_parse_error(world: World, body: bytes) -> None:
    answer = await world.post(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32700)
    assert answer.json()["id"] is None


@pytest.mark.parametrize("version", [None, *VERSIONS])
async def test_headers_of_a_newer_revision_can_not_change_what_is_authorized(
    world: World, version: str | None
) -> None:
    headers = {"mcp-method": "ping", "mcp-name": "get_task"}
    if version:
        headers["mcp-protocol-version"] = version
    answer = await world.post(
        request("tools/call", {"name": "list_tasks", "arguments": {}}),
        token=world.token(allowed_tools=["get_task"]),
        headers=headers,
    )
    assert answer.json()["error"]["message"] == "Unknown tool: list_tasks"
    assert world.api.requests == []


async def test_an_invented_cursor_is_refused(world: World) -> None:
    answer = await world.old("tools/list", {"cursor": "abc"})
    assert answer.json()["error"]["code"] == -32602


async def test_ids_come_back_as_they_were_sent(world: World) -> None:
    for given in (0, -1, 2**63 - 1, "", "a\u2028b", "7"):
        answer = await world.post({**request("ping"), "id": given})
        assert answer.json()["id"] == given
