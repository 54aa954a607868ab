"""A slow report survives a client that leaves and a gateway that is killed."""

import asyncio
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Result, TextContent

from support.in_process.person import Person
from support.processes.deployment import (
    Connection,
    Deployment,
    connect,
    origin,
    running_deployment,
    serve,
)
from support.processes.services import POLL_SECONDS, running_service
from support.processes.task_client import (
    CancelTask,
    CreatedTask,
    FollowTasks,
    GetTask,
    TaskNow,
    TaskParams,
)

pytestmark = pytest.mark.whole_machine


def opened(connection: Connection) -> tuple[httpx2.AsyncClient, str]:
    """An HTTP client with the connection's token, and where to call."""
    http = httpx2.AsyncClient(headers=connection.headers, trust_env=False)
    return http, connection.deployment.resource


async def begin(connection: Connection, delay: float) -> str:
    """Start a report with a client that then goes away; return the task's id."""
    http, resource = opened(connection)
    async with (
        http,
        Client(
            streamable_http_client(resource, http_client=http), extensions=[FollowTasks()]
        ) as client,
    ):
        created = await client.session.call_tool(
            "create_report", {"delay": delay}, allow_claimed=True
        )
        assert isinstance(created, CreatedTask)
        assert created.status == "working"
        return created.task_id


async def look(connection: Connection, task_id: str) -> TaskNow:
    """Ask for a task with a new client."""
    http, resource = opened(connection)
    async with (
        http,
        Client(
            streamable_http_client(resource, http_client=http), extensions=[FollowTasks()]
        ) as client,
    ):
        asked = GetTask(params=TaskParams(taskId=task_id))
        return await client.session.send_request(asked, TaskNow)


async def test_a_report_survives_its_client_and_the_process_that_began_it(
    tmp_path: Path, seeded_sqlite: Path, ada: Person
) -> None:
    shutil.copy(seeded_sqlite, tmp_path / "gatepost.db")
    with running_deployment(tmp_path, "sqlite+aiosqlite:///gatepost.db") as deployment:
        connection = await connect(deployment, ada)
        task_id = await begin(connection, delay=4)
        deployment.services["mcp-gateway"].kill()
        gateway = origin(deployment.resource)
        with running_service(
            (
                *serve("mcp-gateway", tmp_path / "gatepost.yaml"),
                "--port",
                str(urlsplit(gateway).port),
            ),
            url=gateway,
            log=tmp_path / "mcp-gateway.log",
            ready_path="/readyz",
        ):
            async with asyncio.timeout(60):
                task = await look(connection, task_id)
                while task.status == "working":
                    await asyncio.sleep(POLL_SECONDS)
                    task = await look(connection, task_id)
            assert task.status == "completed", task
            assert task.result is not None
            projects = task.result["structuredContent"]["projects"]
            assert {project["team"] for project in projects} == {"design", "engineering"}


async def test_the_official_client_follows_a_task_to_its_result(
    on_sqlite: Deployment, ada: Person
) -> None:
    connection = await connect(on_sqlite, ada)
    http, resource = opened(connection)
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(POLL_SECONDS)

    async with (
        http,
        Client(
            streamable_http_client(resource, http_client=http), extensions=[FollowTasks(sleep)]
        ) as client,
    ):
        result = await client.call_tool("create_report", {"delay": 0.5})
        assert not result.is_error
        assert result.structured_content is not None
        assert result.structured_content["projects"]
        assert set(waited) == {2.0}
        # It cancels another, and the API confirms it.
        created = await client.session.call_tool(
            "create_report", {"delay": 600}, allow_claimed=True
        )
        assert isinstance(created, CreatedTask)
        params = TaskParams(taskId=created.task_id)
        await client.session.send_request(CancelTask(params=params), Result)
        task = await client.session.send_request(GetTask(params=params), TaskNow)
        assert task.status == "cancelled"
    rows = on_sqlite.rows("SELECT cancelled_at FROM reports WHERE seconds = 600")
    assert rows[0]["cancelled_at"]


async def test_a_client_that_follows_no_tasks_gets_the_report_too(
    on_sqlite: Deployment, ada: Person
) -> None:
    connection = await connect(on_sqlite, ada)
    result = await connection.call("create_report", delay=1)
    content = result.content[0]
    assert isinstance(content, TextContent)
    assert '"projects"' in content.text
