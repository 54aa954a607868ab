"""Structured logs: one JSON line for each event, with the id of the HTTP request.

A processor redacts values whose names suggest a secret.
"""

import logging
import re
import sys
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from gatepost.text.hidden import escape_text

_SECRET_NAME = re.compile(
    "token|secret|password|authorization|cookie|verifier|assertion", re.IGNORECASE
)

counted_events: Counter[tuple[str, str]] = Counter()
"""How often each event was written by this process, with its level."""

fault_listeners: list[Callable[[str, BaseException], None]] = []
"""Called with the event and the exception of each log line about an unexpected exception."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace every value whose name suggests a secret."""
    for name in event:
        if _SECRET_NAME.search(name):
            event[name] = "[redacted]"
    return event


def show_hidden(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make the texts of an event safe on a terminal; JSON lines escape them anyway."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = escape_text(value)
    return event


def count(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Count the event, for the metrics."""
    counted_events[str(event["event"]), event["level"]] += 1
    return event


def tell_fault(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Tell the listeners of the exception that an event is about."""
    problem = event.get("exc_info") if fault_listeners else None
    if problem is True:
        problem = sys.exc_info()[1]
    if isinstance(problem, BaseException):
        for listener in fault_listeners:
            listener(str(event["event"]), problem)
    return event


def configure_logs(*, level: int = logging.INFO) -> None:
    """Send structured events to standard error: readable on a terminal, JSON lines elsewhere."""
    final: tuple[Any, ...] = (
        (show_hidden, structlog.dev.ConsoleRenderer())
        if sys.stderr.isatty()
        else (structlog.processors.JSONRenderer(),)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            count,
            tell_fault,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.format_exc_info,
            *final,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Debug lines of these libraries contain whole tokens and URLs.
    for noisy in ("authlib", "joserfc", "httpx2", "httpcore2", "sqlalchemy", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class RequestId:
    """Give every HTTP request an id, in its log lines and in `X-Request-Id`."""

    def __init__(self, app: App) -> None:
        """Wrap an ASGI app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Bind the id while the wrapped app handles the request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)
