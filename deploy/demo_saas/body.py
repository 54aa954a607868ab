"""Refuse bodies that are too large, before anything reads them."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo_saas.errors import TooLarge, answer_problem

MAX_BODY = 6 * 1024 * 1024


class LimitBody:
    """Read the body up to a limit, and replay it to the app."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an ASGI app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limit, and pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY:
                refusal = answer_problem(TooLarge(f"Send at most {MAX_BODY} bytes."))
                await refusal(scope, receive, send)
                return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, replay, send)
