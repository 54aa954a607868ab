"""Middleware for ASGI apps, such as those of FastAPI, Starlette and Litestar."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gatepost_verify.answers import Answer, answer, answer_failure
from gatepost_verify.errors import AssertionRefused, VerificationFailed
from gatepost_verify.presented import DecodedUrl
from gatepost_verify.verifier import HEADER, Verifier

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
_NAME = HEADER.lower().encode()


class GatepostMiddleware:
    """Verifies each request that has a `Gatepost-Assertion`, and puts the caller into its state.

    It reads the body, which the assertion covers, and passes it on. A request without the header is
    passed on untouched, with None for the caller, so that your other credentials go on working.
    """

    def __init__(self, app: App, verifier: Verifier, *, max_body: int = 10 * 1024 * 1024) -> None:
        """Wrap an app; refuse bodies of requests of the gateway above `max_body` bytes."""
        self._app = app
        self._verifier = verifier
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Verify the request, or answer 401, 403, 413 or 503."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["gatepost"] = None
        assertions = [value for name, value in scope["headers"] if name.lower() == _NAME]
        if not assertions:
            await self._app(scope, receive, send)
            return
        body = await _read(receive, self._max_body)
        if body is None:
            return
        if len(body) > self._max_body:
            await _answer(send, answer(413, f"Send at most {self._max_body} bytes."))
            return
        try:
            if len(assertions) > 1:
                raise AssertionRefused("malformed", "there are several")
            scope["state"]["gatepost"] = await self._verifier.verify_async(
                assertions[0].decode("latin-1"),
                method=scope["method"],
                url=self._url(scope),
                body=body,
            )
        except VerificationFailed as failed:
            await _answer(send, answer_failure(failed))
            return
        await self._app(scope, _replay(body, receive), send)

    def _url(self, scope: Scope) -> str | DecodedUrl:
        query = scope["query_string"].decode("latin-1")
        raw = scope.get("raw_path")
        if raw is None:
            return DecodedUrl(self._verifier.base_url, scope["path"].encode(), query)
        url = self._verifier.base_url + raw.decode("latin-1")
        return f"{url}?{query}" if query else str(url)


async def _read(receive: Receive, most: int) -> bytes | None:
    """Read the body, or a little more than `most` bytes of it; None if the client left."""
    body = bytearray()
    while len(body) <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _answer(send: Send, answer: Answer) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
