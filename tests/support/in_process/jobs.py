"""An API with jobs behind an in-process gateway, and a client that follows them as tasks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson
import yaml

from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import API, META, MODERN, World, a_world

TASKS = "io.modelcontextprotocol/tasks"
FOLLOWS = {
    **META,
    "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}},
}


@dataclass
class JobsApi:
    """One job, whose id and state a test decides."""

    id: Any = "job 7"
    state: Any = "running"
    progress: str = "half of it"
    tenant_id: str = "org_acme"
    """Whose record its answers say that they are."""
    fails: HttpResponse | RequestFailed | None = None
    """The answer to every question, instead of the job's own."""
    confirms: int = 204
    """The status of the answer to a cancellation."""
    result: dict[str, Any] = field(default_factory=lambda: {"rows": 3, "secret": "s3"})
    requests: list[HttpRequest] = field(default_factory=list)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        self.requests.append(request)
        if request.method != "POST" and self.fails is not None:
            if isinstance(self.fails, RequestFailed):
                raise self.fails
            return self.fails
        if request.method == "DELETE":
            self.state = "stopped" if self.confirms < 300 else self.state
            return HttpResponse(self.confirms, "application/json", b"")
        if request.url.endswith("/result"):
            return _json(200, {**self.result, "tenant_id": self.tenant_id})
        job = {"id": self.id, "state": self.state, "progress": self.progress}
        return _json(
            202 if request.method == "POST" else 200, {"job": job, "tenant_id": self.tenant_id}
        )

    @property
    def asked(self) -> list[str]:
        """The requests, as method and path."""
        return [
            f"{one.method} {one.url.removeprefix('http://127.0.0.1:8402')}" for one in self.requests
        ]


@dataclass
class HeldApi:
    """The same API, which answers questions when a test lets it."""

    api: JobsApi
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    proceed: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Answer a start at once, and anything else when it may."""
        if request.method != "POST":
            self.asked.set()
            await self.proceed.wait()
        return self.api(request)


@dataclass
class Follower:
    """A client that declares the extension for tasks."""

    world: World
    api: JobsApi

    async def send(
        self, method: str, params: dict[str, Any], *, meta: Any = FOLLOWS, **token: Any
    ) -> httpx2.Response:
        """Send one request; keywords change the token's claims."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        headers = {"mcp-protocol-version": MODERN, "mcp-method": method}
        name = params.get("taskId", params.get("name"))
        if name is not None:
            headers["mcp-name"] = name
        return await self.world.post(body, token=self.world.token(**token), headers=headers)

    async def start(self, **token: Any) -> dict[str, Any]:
        """Start a report; return the task."""
        params = {"name": "create_report", "arguments": {"folder": "q4", "title": "Sales"}}
        answer = await self.send("tools/call", params, **token)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["result"])

    async def get(self, task_id: str, **token: Any) -> dict[str, Any]:
        """Ask for a task; return the result, or the error."""
        answer = (await self.send("tasks/get", {"taskId": task_id}, **token)).json()
        return dict(answer.get("result") or answer["error"])


Tools = dict[str, Any]
"""The tools of a manifest, by name."""


def write_jobs(folder: Path, change: Callable[[Tools], object] = lambda _: None) -> Path:
    """Write the manifest with changed tools, and its document."""
    manifest = yaml.safe_load((API / "jobs-tools.yaml").read_text())
    change(manifest["tools"])
    (folder / "jobs.yaml").write_bytes((API / "jobs.yaml").read_bytes())
    (folder / "tools.yaml").write_text(yaml.safe_dump(manifest))
    return folder / "tools.yaml"


@asynccontextmanager
async def following(
    folder: Path, *, manifest: Path = API / "jobs-tools.yaml", **changes: Any
) -> AsyncIterator[Follower]:
    """Open a gateway in front of the API with jobs."""
    async with a_world(folder, manifest=manifest, **changes) as world:
        world.api.answer = api = JobsApi()
        yield Follower(world, api)


def _json(status: int, content: Any) -> HttpResponse:
    return HttpResponse(status, "application/json", orjson.dumps(content))
