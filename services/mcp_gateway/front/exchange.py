"""One HTTP request at the MCP endpoint, as far as the checks have processed it."""

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
    """A request that grows with each check; a named tuple grows at a third of a dataclass's cost."""

    id: str
    method: str
    headers: Headers
    receive: Receive
    send: Send
    organisation: str = ""
    """The tenant id in the organisation's address at which the request came; empty at the gateway's own."""
    stream: EventStream | None = None
    """Carries messages before the final answer, if the client accepts a stream."""
    body: bytes = b""
    caller: AccessClaims | None = None
    token_ends_in: int | None = None
    """Seconds until the client's token expires, if that is soon."""
    dpop_nonce: str | None = None
    """The nonce for the client's next DPoP proof, if it needs another one."""
    message: Any = None
    reply: Reply | None = None

    def with_body(self, body: bytes) -> "Exchange":
        """Return a copy with the whole body."""
        return replace_field(self, _BODY, body)

    def with_caller(self, caller: AccessClaims) -> "Exchange":
        """Return a copy with the caller's claims."""
        return replace_field(self, _CALLER, caller)

    def with_message(self, message: Any) -> "Exchange":
        """Return a copy with the parsed body."""
        return replace_field(self, _MESSAGE, message)

    def with_reply(self, reply: Reply) -> "Exchange":
        """Return a copy with the answer, which ends the checks."""
        return replace_field(self, _REPLY, reply)


_BODY, _CALLER, _MESSAGE, _REPLY = map(
    Exchange._fields.index, ("body", "caller", "message", "reply")
)


Check = Callable[[Exchange], Awaitable[Exchange]]
"""Takes a request and returns it with more known, or raises `Refused`."""


class Refused(Exception):
    """A check refused the request; `reason` is for the log, the reply for the client."""

    def __init__(self, reason: str, reply: Reply) -> None:
        """Take one word for the log and the whole answer."""
        super().__init__(reason)
        self.reason = reason
        self.reply = reply


def refuse(status: int, error: str, description: str, *headers: tuple[bytes, bytes]) -> Refused:
    """Return a refusal with a small JSON object, for requests without a JSON-RPC message yet."""
    body = orjson.dumps({"error": error, "error_description": description})
    return Refused(error, Reply(status, body, headers))
