"""A network on which requests to a billing system go wrong."""

from collections import deque
from typing import Literal

import httpx2

Fault = Literal[
    "unreachable", "limited", "unavailable", "bad", "lost", "error", "timeout", "delayed", "twice"
]
FAULTS: tuple[Fault, ...] = (
    "unreachable",
    "limited",
    "unavailable",
    "lost",
    "error",
    "timeout",
    "delayed",
    "twice",
)
"""All of them but `bad`, after which the system never counts what was sent."""


class Network(httpx2.AsyncBaseTransport):
    """Passes requests on to a system; each of the next ones that change something meets a fault.

    `unreachable`, `limited`, `unavailable` and `bad` never arrive. `lost`, `error` and `timeout` arrive,
    and their answer does not come back. `delayed` arrives after the request that follows it. `twice`
    arrives twice.
    """

    def __init__(self, system: httpx2.AsyncBaseTransport) -> None:
        """Start without faults."""
        self._system = system
        self._delayed: list[httpx2.Request] = []
        self.faults: deque[Fault] = deque()
        self.sent: list[httpx2.Request] = []
        """The requests that change something, whether they arrived or not."""
        self.read: list[str] = []
        """The paths of the other requests."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        if request.method != "POST":
            self.read.append(request.url.path)
            return await self._system.handle_async_request(request)
        await request.aread()
        self.sent.append(request)
        fault = self.faults.popleft() if self.faults else None
        match fault:
            case "unreachable":
                raise httpx2.ConnectError("unreachable", request=request)
            case "limited":
                return _refuse(429, "rate_limit_error")
            case "unavailable":
                return _refuse(503, "api_error")
            case "bad":
                return _refuse(400, "invalid_request_error")
            case "delayed":
                self._delayed.append(request)
                raise httpx2.ReadTimeout("timeout", request=request)
            case "twice":
                await self._arrive(request)
        answer = await self._arrive(request)
        late, self._delayed = self._delayed, []
        for one in late:
            await self._arrive(one)
        match fault:
            case "lost":
                raise httpx2.ReadError("lost", request=request)
            case "timeout":
                raise httpx2.ReadTimeout("timeout", request=request)
            case "error":
                return _refuse(500, "api_error")
        return answer

    async def _arrive(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._system.handle_async_request(request)
        await answer.aread()
        return answer


def _refuse(status: int, kind: str) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"type": kind, "message": kind}})
