"""Tools that a person did not select do not exist for the client."""

from typing import Any

import httpx2
import pytest

from support.in_process.gateway import META, MODERN
from support.in_process.person import Person
from support.processes.deployment import Connection, Deployment, connect

pytestmark = pytest.mark.whole_machine


async def call_raw(connection: Connection, tool: str, *, modern: bool) -> httpx2.Response:
    """Call a tool without a client between the test and the bytes of the answer."""
    params: dict[str, Any] = {"name": tool, "arguments": {}}
    headers = {**connection.headers, "mcp-protocol-version": "2025-11-25"}
    if modern:
        params["_meta"] = META
        headers |= {
            "mcp-protocol-version": MODERN,
            "mcp-method": "tools/call",
            "mcp-name": tool,
        }
    message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    async with httpx2.AsyncClient(trust_env=False) as http:
        return await http.post(connection.deployment.resource, json=message, headers=headers)


def unnamed(answer: httpx2.Response, tool: str) -> tuple[int, bytes, dict[str, str]]:
    """Leave out what must differ: the tool's name, the time, and the id of the request."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    del headers["date"], headers["x-request-id"], headers["content-length"]
    return answer.status_code, answer.content.replace(tool.encode(), b"TOOL"), headers


@pytest.mark.parametrize("modern", [False, True], ids=["handshake era", "2026-07-28"])
async def test_an_unselected_tool_is_not_listed_and_looks_unknown(
    deployment: Deployment, ada: Person, modern: bool
) -> None:
    connection = await connect(deployment, ada, untick=["create_task", "search_tasks"])
    heard = deployment.api_requests()

    listed = await connection.tool_names()
    unticked = await call_raw(connection, "create_task", modern=modern)
    never_was = await call_raw(connection, "abolish_task", modern=modern)

    assert "create_task" not in listed and "search_tasks" not in listed
    assert {"list_tasks", "update_task"} <= set(listed)
    assert unnamed(unticked, "create_task") == unnamed(never_was, "abolish_task")
    assert "error" in unticked.json()
    assert deployment.api_requests() == heard


async def test_deselected_data_is_not_in_the_apis_answers_a48(
    deployment: Deployment, ada: Person
) -> None:
    whole = await connect(deployment, ada)
    part = await connect(deployment, ada, untick=["team:design"])

    async def teams(connection: Connection) -> set[str]:
        listed = (await connection.call("list_tasks", limit=100)).structured_content
        return {task["team"] for task in (listed or {})["items"]}

    assert await teams(whole) == {"design", "engineering"}
    assert await teams(part) == {"engineering"}


async def test_deleting_is_off_until_it_is_selected(deployment: Deployment, ada: Person) -> None:
    careful = await connect(deployment, ada)
    daring = await connect(deployment, ada, tick=["delete_task"])

    made = await daring.call("create_task", project_id="prj_website", title="Short-lived")
    assert made.structured_content is not None
    task_id = made.structured_content["id"]
    refused = await call_raw(careful, "delete_task", modern=False)
    assert "error" in refused.json()
    assert "delete_task" not in await careful.tool_names()
    assert deployment.rows("SELECT title FROM tasks WHERE id = ?", task_id) == [
        {"title": "Short-lived"}
    ]

    deleted = await daring.call("delete_task", task_id=task_id)

    assert not deleted.is_error
    assert deployment.rows("SELECT title FROM tasks WHERE id = ?", task_id) == []
