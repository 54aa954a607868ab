"""Bound the headers and the target of a request, and answer every fault."""

from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from gatepost.logs import App, Message, Receive, Scope, Send

LARGEST_HEADERS = 32 * 1024
# A hand-off brings its signed statement in the URL.
LONGEST_TARGET = 64_000
log = structlog.get_logger()

AnswerFault = Callable[[Request, Exception], Awaitable[Response]]


class Edge:
    """Refuses requests with long headers or a long target, and lets no exception reach the server.

    The HTTP server bounds neither with every protocol implementation.
    """

    def __init__(self, app: App, *, answer_fault: AnswerFault) -> None:
        """Wrap an ASGI app; `answer_fault` makes the response to an exception that nothing handles."""
        self._app = app
        self._answer_fault = answer_fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if (refusal := _refuse(scope)) is not None:
            await refusal(scope, receive, send)
            return
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        # In the same scope, so that the route that the router adds to it is known around this.
        scope["headers"] = [(name, _unquoted(name, value)) for name, value in scope["headers"]]
        try:
            await self._app(scope, receive, send_noting)
        except ClientDisconnect:
            # Nobody is left to answer.
            return
        except Exception as error:
            log.error("fault", path=scope["path"], exc_info=error)
            if not started:
                response = await self._answer(Request(scope), error)
                await response(scope, receive, send)

    async def _answer(self, request: Request, error: Exception) -> Response:
        try:
            return await self._answer_fault(request, error)
        except Exception as again:
            log.error("fault", path=request.scope["path"], exc_info=again)
            return _json("server_error", "something failed on this server", 500)


def _refuse(scope: Scope) -> Response | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_TARGET:
        return _json("invalid_request", f"the URL is longer than {LONGEST_TARGET} bytes", 414)
    if sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST_HEADERS:
        text = f"the headers are larger than {LARGEST_HEADERS} bytes; delete this site's cookies"
        return _json("invalid_request", text, 431)
    return None


def _unquoted(name: bytes, value: bytes) -> bytes:
    """Drop quoted cookies, which take Python's parser seconds; this server sets none."""
    if name != b"cookie" or b'"' not in value:
        return value
    return b";".join(cookie for cookie in value.split(b";") if b'"' not in cookie)


def _json(error: str, description: str, status: int) -> Response:
    body = {"error": error, "error_description": description}
    return JSONResponse(body, status_code=status, headers={"Cache-Control": "no-store"})
