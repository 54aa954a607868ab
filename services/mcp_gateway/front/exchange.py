"""One HTTP request at the MCP endpoint, as the checks so far know it."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import orjson

from gatepost.claims import AccessClaims
from mcp_gateway.front.asgi import Receive, Send
from mcp_gateway.front.event_stream import EventStream
from mcp_gateway.named_tuples import replace_field
from mcp_gateway.wire.headers import Headers
from mcp_gateway.wire.jsonrpc import Reply


class Exchange(NamedTuple):
    """A request, growing as checks pass; a named tuple grows at a third of a dataclass's cost."""

    id: str
    method: str
    headers: Headers
    receive: Receive
    send: Send
    stream: EventStream | None = None
    """Set by `route` where the answer has become one."""
    body: bytes = b""
    caller: AccessClaims | None = None
    token_ends_in: int | None = None
    """Seconds that the client's token has left, where they are few."""
    message: Any = None
    reply: Reply | None = None

    def with_body(self, body: bytes) -> "Exchange":
        """Go on with the whole body."""
        return replace_field(self, _BODY, body)

    def with_caller(self, caller: AccessClaims) -> "Exchange":
        """Go on with who calls."""
        return replace_field(self, _CALLER, caller)

    def with_message(self, message: Any) -> "Exchange":
        """Go on with what the body says."""
        return replace_field(self, _MESSAGE, message)

    def with_reply(self, reply: Reply) -> "Exchange":
        """End with the answer."""
        return replace_field(self, _REPLY, reply)

    def with_stream(self, stream: EventStream) -> "Exchange":
        """Go on with what the answer has become."""
        return replace_field(self, _STREAM, stream)


_BODY, _CALLER, _MESSAGE, _REPLY, _STREAM = map(
    Exchange._fields.index, ("body", "caller", "message", "reply", "stream")
)


Check = Callable[[Exchange], Awaitable[Exchange]]
"""Takes what is known of a request and returns more, or raises `Refused`."""


class Refused(Exception):
    """A check refused the request; `reason` is for the log, the reply for the client."""

    def __init__(self, reason: str, reply: Reply) -> None:
        """Take one word for the log and the whole answer."""
        super().__init__(reason)
        self.reason = reason
        self.reply = reply


def refuse(status: int, error: str, description: str, *headers: tuple[bytes, bytes]) -> Refused:
    """Refuse with a small JSON object, for what happens before there is a JSON-RPC message."""
    body = orjson.dumps({"error": error, "error_description": description})
    return Refused(error, Reply(status, body, headers))
