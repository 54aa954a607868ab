"""Bound the bodies of an app whose framework reads them itself."""

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException

from auth_server.web.forms import BODY_LIMIT

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class BoundedBody:
    """Refuses a request whose body is too long, before the rest of it arrives.

    FastAPI reads and parses the whole body before it asks who sent it.
    """

    def __init__(self, app: App) -> None:
        """Wrap an ASGI app whose handlers answer an `HTTPException`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes of the body as they arrive."""
        length = 0

        async def receive_bounded() -> Message:
            nonlocal length
            message = await receive()
            length += len(message.get("body", b""))
            if length > BODY_LIMIT:
                said = f"the body is larger than {BODY_LIMIT} bytes"
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said)
            return message

        await self._app(scope, receive_bounded, send)
