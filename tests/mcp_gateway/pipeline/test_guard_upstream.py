"""An upstream that fails or is full: which calls pass, and how the others are refused."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import API, World, a_world
from support.in_process.talk import talking

FINE = HttpResponse(200, "application/json", b"{}")
DOWN = HttpResponse(503, "", b"")


def text(result: Any) -> str:
    """Read the text of a result's first content block."""
    return str(result["content"][0]["text"])


async def fail(world: World, tool: str = "create_task", times: int = 5) -> None:
    """Make a tool fail for two tenants in turn."""
    for number in range(times):
        token = world.token(tenant_id=f"org_{number % 2}")
        await world.call("new", tool, ARGUMENTS[tool], token=token)


ARGUMENTS = {"create_task": {"title": "x"}, "get_task": {"id": "1"}, "list_tasks": {}}


@pytest.mark.parametrize(
    "trouble",
    [
        *(HttpResponse(status, "", b"") for status in (502, 503, 504)),
        RequestFailed("unreachable", "x"),
        RequestFailed("deadline", "x"),
    ],
)
async def test_an_api_that_keeps_failing_is_spared_and_the_model_is_told_when_to_come_back(
    world: World, trouble: HttpResponse | RequestFailed
) -> None:
    def answer(_: HttpRequest) -> HttpResponse:
        if isinstance(trouble, RequestFailed):
            raise trouble
        return trouble

    world.api.answer = answer
    await fail(world)
    result = await world.call("new", "create_task", {"title": "x"})
    assert result["isError"] is True
    assert (
        text(result)
        == "The API is failing at the moment. Nothing was sent. Try again in 5 seconds."
    )
    assert len(world.api.requests) == 5
    assert (world.records[-1]["decision"], world.records[-1]["reason"]) == (
        "refused",
        "breaker_open",
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500])
async def test_an_api_that_refuses_is_an_api_that_works(world: World, status: int) -> None:
    world.api.answer = lambda _: HttpResponse(status, "", b"")
    await fail(world, times=15)
    assert len(world.api.requests) == 15


async def test_one_call_tries_an_api_that_failed_and_its_answer_lets_the_others_in(
    world: World,
) -> None:
    world.api.answer = lambda _: DOWN
    await fail(world)
    world.clock.advance(seconds=5)
    await world.call("new", "create_task", {"title": "x"})
    assert len(world.api.requests) == 6
    assert "10 seconds" in text(await world.call("new", "create_task", {"title": "x"}))
    world.clock.advance(seconds=10)
    world.api.answer = lambda _: FINE
    for _ in range(3):
        assert (await world.call("new", "create_task", {"title": "x"}))["isError"] is False


async def test_a_try_that_is_refused_before_it_is_sent_lets_the_next_call_try(
    world: World,
) -> None:
    world.api.answer = lambda _: DOWN
    token = world.token(scope="mcp:admin")
    for _ in range(5):
        await world.call("new", "delete_task", {"id": "1"}, token=token)
    world.clock.advance(seconds=5)
    unsent = await world.call("new", "delete_task", {"id": ".."}, token=token)
    assert "Nothing was done" in text(unsent)
    world.api.answer = lambda _: FINE
    assert (await world.call("new", "delete_task", {"id": "1"}, token=token))["isError"] is False


async def test_a_single_failing_tool_is_stopped_without_the_others(world: World) -> None:
    world.api.answer = lambda request: DOWN if request.method == "POST" else FINE
    await fail(world, times=9)
    assert (await world.call("new", "list_tasks"))["isError"] is False


async def test_the_breaker_of_an_origin_stops_every_tool(world: World) -> None:
    world.api.answer = lambda _: DOWN
    await fail(world)
    await fail(world, "get_task")
    sent = len(world.api.requests)
    assert "at the moment" in text(await world.call("new", "list_tasks"))
    assert len(world.api.requests) == sent


async def test_a_tenant_with_failing_calls_cannot_close_a_tool_to_others(
    world: World,
) -> None:
    world.api.answer = lambda request: DOWN if "org_greedy" in request.url else FINE
    greedy = world.token(tenant_id="org_greedy")
    for _ in range(20):
        world.clock.advance(seconds=1)
        await world.call("new", "list_tasks", token=greedy)
    assert (await world.call("new", "list_tasks"))["isError"] is False
    for _ in range(20):
        await world.call("new", "list_tasks", token=greedy)
    assert (await world.call("new", "list_tasks"))["isError"] is False


async def test_an_operator_sees_open_breakers(world: World) -> None:
    async def seen() -> Any:
        return (await world.http.get("/readyz")).json()["details"]["upstream"]

    assert await seen() == "no breaker is open"
    world.api.answer = lambda _: DOWN
    await fail(world)
    assert await seen() == "open breakers: create_task"
    await fail(world, "get_task")
    assert await seen() == "open breakers: http://127.0.0.1:8402, create_task, get_task"


@pytest.mark.parametrize("era", ["old", "new"])
async def test_a_client_that_listens_hears_of_the_breaker(world: World, era: str) -> None:
    world.api.answer = lambda _: DOWN
    heard = []
    for _ in range(6):
        meta = {"io.modelcontextprotocol/logLevel": "warning"}
        params = {"name": "create_task", "arguments": {"title": "x"}, "_meta": meta}
        async with talking(world, era, "tools/call", params) as talk:
            *told, _ = await talk.messages()
        heard.append([message["params"]["data"] for message in told])
    assert heard[:4] == [[]] * 4
    assert heard[4] == ["Create a task: The API answered 503 repeatedly; calls to it are paused"]
    assert heard[5] == [
        "Create a task: The API is failing at the moment. Nothing was sent. Try again in 5 seconds."
    ]


class Crowded:
    """An API that answers when a test allows it."""

    def __init__(self) -> None:
        """Hold every request."""
        self.urls: list[str] = []
        self.deadlines: list[float] = []
        self.release = asyncio.Event()
        self._arrivals = asyncio.Semaphore(0)

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Wait, then answer."""
        self.urls.append(request.url)
        self.deadlines.append(deadline)
        self._arrivals.release()
        await self.release.wait()
        return FINE

    async def arrived(self, count: int) -> None:
        """Wait until that many more requests have arrived."""
        for _ in range(count):
            await self._arrivals.acquire()


async def test_a_tenant_with_a_hundred_calls_under_way_starves_nobody(tmp_path: Path) -> None:
    api = Crowded()
    async with a_world(tmp_path, upstream=api, upstream_concurrency=8) as world:
        greedy = world.token(tenant_id="org_greedy")
        flood = [
            asyncio.create_task(world.call("new", "list_tasks", token=greedy)) for _ in range(100)
        ]
        await api.arrived(4)
        other = asyncio.create_task(world.call("new", "list_tasks"))
        await api.arrived(1)
        assert [url.rpartition("=")[2] for url in api.urls] == ["org_greedy"] * 4 + ["org_acme"]
        api.release.set()
        assert (await other)["isError"] is False
        results = await asyncio.gather(*flood)
    refused = [text(result) for result in results if result["isError"]]
    assert set(refused) == {
        "Too many calls are waiting for the API. Nothing was sent. Try again in 5 seconds."
    }
    # Capacity for four calls and, of the queue's eight places, one tenant's half.
    assert len(results) - len(refused) == 8


async def test_the_wait_for_capacity_counts_towards_the_deadline(tmp_path: Path) -> None:
    api = Crowded()
    async with a_world(tmp_path, upstream=api, upstream_concurrency=2) as world:
        first = asyncio.create_task(world.call("new", "list_tasks"))
        await api.arrived(1)
        second = asyncio.create_task(world.call("new", "list_tasks"))
        for _ in range(50):
            await asyncio.sleep(0)
        world.clock.advance(seconds=10)
        api.release.set()
        await asyncio.gather(first, second)
    assert api.deadlines == [30, 20]


async def test_a_call_that_finds_no_place_in_half_of_its_deadline_is_told(tmp_path: Path) -> None:
    api = Crowded()
    manifest = manifest_with(tmp_path, "deadline: 0.1")
    async with a_world(tmp_path, upstream=api, manifest=manifest, upstream_concurrency=2) as world:
        first = asyncio.create_task(world.call("new", "list_tasks"))
        await api.arrived(1)
        second = await world.call("new", "list_tasks")
        api.release.set()
        await first
    assert "waiting for the API" in text(second)
    assert len(api.urls) == 1


async def test_a_tenant_has_as_many_calls_of_a_tool_at_once_as_the_manifest_says(
    tmp_path: Path,
) -> None:
    api = Crowded()
    manifest = manifest_with(tmp_path, "limits: {concurrent: 2}")
    async with a_world(tmp_path, upstream=api, manifest=manifest) as world:
        under_way = [asyncio.create_task(world.call("new", "list_tasks")) for _ in range(2)]
        await api.arrived(2)
        refused = await world.call("new", "list_tasks")
        other = world.token(tenant_id="org_globex")
        under_way.append(asyncio.create_task(world.call("new", "list_tasks", token=other)))
        await api.arrived(1)
        api.release.set()
        assert not any(result["isError"] for result in await asyncio.gather(*under_way))
        assert (await world.call("new", "list_tasks"))["isError"] is False
    assert text(refused).startswith("Your organisation is already running 2 calls of list_tasks")


def manifest_with(folder: Path, line: str) -> Path:
    """Copy the usual manifest, with another line for `list_tasks`."""
    (folder / "openapi.yaml").write_bytes((API / "openapi.yaml").read_bytes())
    source = (API / "tools.yaml").read_text()
    changed = source.replace("operation: listTasks", f"operation: listTasks\n    {line}", 1)
    (folder / "tools.yaml").write_text(changed)
    return folder / "tools.yaml"
