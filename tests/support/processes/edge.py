"""The Worker of `deploy/edge` in miniflare, and clients whose requests pass through it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from support.processes.conformance import NODE, NODE_FOLDER
from support.processes.services import free_port, running_service

ADDRESS = "203.0.113.7"


class _ThroughTheEdge(httpx2.AsyncHTTPTransport):
    """Sends every request to the Worker, as DNS does; `Host` stays the service's."""

    def __init__(self, port: int) -> None:
        super().__init__(verify=False)
        self._port = port

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        moved = httpx2.Request(
            request.method,
            request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return await super().handle_async_request(moved)


@dataclass(frozen=True, slots=True)
class Edge:
    """A running Worker."""

    port: int

    def client(self, *, address: str = ADDRESS, **headers: str) -> httpx2.AsyncClient:
        """Make a client, at an address that Cloudflare tells the Worker."""
        sent = {"cf-connecting-ip": address, **headers}
        return httpx2.AsyncClient(transport=_ThroughTheEdge(self.port), headers=sent)


@contextmanager
def running_edge(
    log: Path, *, issuer: str, resource: str, limit: int = 600, origin: str | None = None
) -> Iterator[Edge]:
    """Run the Worker for as long as the block lasts.

    Args:
        log: a file for what it says.
        issuer: of the authorization server behind it.
        resource: of the gateway behind it.
        limit: the refused requests that an address may send in a minute.
        origin: the host and port of one server for all requests; without, each goes where its URL says.
    """
    port = free_port()
    bindings = {"ISSUER": issuer, "RESOURCE": resource}
    options = {"bindings": bindings, "limit": limit, "origin": origin}
    argv = (NODE, NODE_FOLDER / "edge.mjs", str(port), json.dumps(options))
    url = f"http://127.0.0.1:{port}"
    with running_service(argv, url=url, log=log, ready_path="/test-ready", cwd=NODE_FOLDER):
        yield Edge(port)
