"""Tell clients what changed, on streams that stay open, in both eras."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from mcp_types import SERVER_INFO_META_KEY
from mcp_types.jsonrpc import INVALID_PARAMS, INVALID_REQUEST

from gatepost.claims import AccessClaims
from mcp_gateway.elicitation.seal import principal_of
from mcp_gateway.notifications.listeners import Listener, TooManyListeners
from mcp_gateway.notifications.port import MOST_URIS
from mcp_gateway.notifications.visible import LISTS, ListName
from mcp_gateway.wire.conversation import MessageSink, OpenSink, write_notification
from mcp_gateway.wire.features import LONGEST_URI
from mcp_gateway.wire.jsonrpc import RATE_LIMITED, RpcError
from mcp_gateway.wire.server import Server
from mcp_gateway.wire.tasks import require_declared

LISTEN = "subscriptions/listen"
SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
RETRY_SECONDS = 60
"""When a client that found no room may try again."""
_FLAGS: Mapping[str, ListName] = {f"{name}ListChanged": name for name in LISTS}
_URIS = "resourceSubscriptions"


async def listen(
    server: Server,
    message_id: object,
    params: Mapping[str, Any],
    caller: AccessClaims,
    sink: MessageSink | None,
) -> bytes:
    """Answer `subscriptions/listen` (2026-07-28 subscriptions), and return its result at the end.

    The stream ends when the token does, when the process stops, or when the client leaves.

    Raises:
        RpcError: `-32602` for a malformed filter, `RATE_LIMITED` if there is no room, `-32021` if the
            client wants news of tasks and did not declare the extension (SEP-2663); with it, it is
            granted none and asks.
    """
    lists, uris = _read_filter(server, params)
    if server.jobs.any and params["notifications"].get("taskIds") is not None:
        require_declared(params)
    if sink is None:
        said = (
            f"{LISTEN} is answered with a stream: send Accept: application/json, text/event-stream"
        )
        raise RpcError(INVALID_REQUEST, said)
    meta = {SUBSCRIPTION_ID: message_id}
    try:
        with server.listeners.open(caller, "modern", lists=lists) as listener:
            server.listeners.watch(listener, uris)
            granted: dict[str, Any] = {
                flag: True for flag, name in _FLAGS.items() if name in listener.lists
            }
            if listener.watched:
                granted[_URIS] = [uri for uri in uris if uri in listener.watched]
            acknowledged = {"_meta": meta, "notifications": granted}
            await sink.emit(
                write_notification("notifications/subscriptions/acknowledged", acknowledged)
            )
            await tell_until_end(listener, sink, {"_meta": meta})
    except TooManyListeners as full:
        raise RpcError(RATE_LIMITED, str(full), {"retryAfter": RETRY_SECONDS}) from None
    result = {"resultType": "complete", "_meta": {SERVER_INFO_META_KEY: server.info, **meta}}
    return orjson.dumps(result)


async def stream(
    server: Server, caller: AccessClaims, session: bytes | None, sink: OpenSink
) -> None:
    """Serve the stream of the handshake era, which tells of every list and of what was subscribed to.

    Raises:
        TooManyListeners: there is no room.
    """
    subscriber = name_subscriber(caller, session)
    lists = [name for name in LISTS if name in server.capabilities]
    with server.listeners.open(
        caller, "handshake", lists=lists, subscriber=subscriber, alone=session is not None
    ) as listener:
        await sink.keep_alive()  # the client learns that the stream is open
        await server.listeners.read_wishes(listener)
        await tell_until_end(listener, sink, {})


def name_subscriber(caller: AccessClaims, session: bytes | None) -> str:
    """Name a client of the handshake era: one session of this person, client and tenant."""
    named = principal_of(caller).encode() + b" " + (session or b"")
    return hashlib.sha256(named).hexdigest()[:32]


async def tell_until_end(listener: Listener, sink: MessageSink, params: Mapping[str, Any]) -> None:
    """Send what is due, until the stream ends, also while a client that reads slowly holds it up."""
    while (due := await listener.due()) is not None:
        for name in due.lists:
            method = f"notifications/{name}/list_changed"
            if not listener.has_ended:
                await sink.emit(write_notification(method, params))
        for uri in due.uris:
            if not listener.has_ended:
                updated = {**params, "uri": uri}
                await sink.emit(write_notification("notifications/resources/updated", updated))


def _read_filter(
    server: Server, params: Mapping[str, Any]
) -> tuple[frozenset[ListName], tuple[str, ...]]:
    """Read the filter, and leave out the lists that this server does not have."""
    wanted = params.get("notifications")
    if not isinstance(wanted, dict):
        raise RpcError(INVALID_PARAMS, "params.notifications must be an object")
    for flag in _FLAGS:
        if not isinstance(wanted.get(flag), bool | None):
            raise RpcError(INVALID_PARAMS, f"params.notifications.{flag} must be true or false")
    uris = wanted.get(_URIS)
    uris = [] if uris is None else uris
    if (
        not isinstance(uris, list)
        or len(uris) > MOST_URIS
        or not all(isinstance(uri, str) and len(uri) <= LONGEST_URI for uri in uris)
    ):
        said = f"params.notifications.{_URIS} must be a list of at most {MOST_URIS} URIs"
        raise RpcError(INVALID_PARAMS, said)
    served = server.capabilities
    lists = frozenset(name for flag, name in _FLAGS.items() if wanted.get(flag) and name in served)
    return lists, tuple(dict.fromkeys(uris))
