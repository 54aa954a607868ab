"""A network that changes a deployment's answers, to try what clients make of a fault."""

import json
from collections.abc import Callable
from typing import Any

import httpx2

Change = Callable[[httpx2.Response], httpx2.Response]


class Between(httpx2.AsyncBaseTransport):
    """The network between a client and a deployment, where a test can change answers."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, breakages: dict[str, Change]) -> None:
        """Lead to a service by its transport; an answer is changed where a breakage has its URL."""
        self._inner = inner
        self._breakages = breakages

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass on, and change what comes back."""
        answer = await self._inner.handle_async_request(request)
        change = self._breakages.get(str(request.url).partition("?")[0])
        if change is None or request.method == "OPTIONS":
            return answer
        await answer.aread()
        answer.request = request
        return change(answer)

    async def aclose(self) -> None:
        """Close the way to the service."""
        await self._inner.aclose()


def answering(**members: Any) -> Change:
    """Change members of a JSON answer; `...` takes one out."""

    def change(answer: httpx2.Response) -> httpx2.Response:
        document = {**answer.json(), **members}
        kept = {name: value for name, value in document.items() if value is not ...}
        headers = [(n, v) for n, v in answer.headers.multi_items() if n != "content-length"]
        return httpx2.Response(answer.status_code, headers=headers, content=json.dumps(kept))

    return change


def without(header: str) -> Change:
    """Take a header out of an answer."""

    def change(answer: httpx2.Response) -> httpx2.Response:
        headers = [(n, v) for n, v in answer.headers.multi_items() if n != header]
        return httpx2.Response(answer.status_code, headers=headers, content=answer.content)

    return change
