"""Types of the ASGI interface, and the exceptions for work that ends early."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Disconnected(Exception):
    """The client disconnected, so an answer can't be sent."""


class CutOff(Exception):
    """The process stops, and the work took too long."""
