"""The handshake era: revisions up to 2025-11-25, without stored sessions.

A request is answered only from its message, with one exception: the capabilities that a client
declared when it initialised come back with each request as `Mcp-Session-Id`, sealed. These revisions
do not define the headers `Mcp-Method` and `Mcp-Name`, so they are ignored.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from mcp_types import DEFAULT_NEGOTIATED_VERSION
from mcp_types.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION

from gatepost.claims import AccessClaims
from mcp_gateway.elicitation.answers import AnswerNotTaken
from mcp_gateway.elicitation.ask import ELICITATION, OPEN_URL
from mcp_gateway.elicitation.seal import principal_of
from mcp_gateway.notifications.port import MOST_URIS, NotShared, TooManyWatched
from mcp_gateway.notifications.visible import can_change, may_read, watched_names
from mcp_gateway.pipeline.call import RateLimited, ScopeMissing, tool_error
from mcp_gateway.pipeline.conversation import CallRefused, CannotAsk, NobodyAnswered
from mcp_gateway.wire import features
from mcp_gateway.wire.conversation import (
    HandshakeConversation,
    MessageSink,
    OpenSink,
    can_ask,
    read_token,
    require_level,
)
from mcp_gateway.wire.jsonrpc import (
    ANSWER_NOT_TAKEN,
    RATE_LIMITED,
    RESOURCE_NOT_FOUND,
    SESSION_UNKNOWN,
    HeaderLines,
    Reply,
    RpcError,
    read_id,
    read_request,
    reply_error,
    write_error,
    write_result,
)
from mcp_gateway.wire.listening import name_subscriber, stream
from mcp_gateway.wire.server import Incoming, Server, require_first_page, result_members, run_tool

SESSION_HEADER = b"mcp-session-id"
_ASKABLE = (ELICITATION, OPEN_URL, "sampling")
_SESSION = "session"
_NAME_ONLY = b"name-"
"""The beginning of a session id that is a name and nothing else."""
_BATCH_VERSION = "2025-03-26"  # the only revision with batches
_MAX_BATCH = 50

Method = Callable[[Server, Incoming], Awaitable[bytes]]


class Client(NamedTuple):
    """The client that sent a POST, and the way to reach it meanwhile."""

    caller: AccessClaims
    capabilities: Sequence[str]
    """The capabilities for questions that the client declared when it initialised."""
    sink: MessageSink | None
    session: bytes | None


async def answer(
    server: Server,
    message: object,
    *,
    version: str | None,
    session: bytes | None,
    caller: AccessClaims,
    request_id: str,
    sink: MessageSink | None,
) -> Reply:
    """Answer one POST: a request, a notification, a response to a question, or a batch."""
    if isinstance(message, list):
        if (version or DEFAULT_NEGOTIATED_VERSION) != _BATCH_VERSION:
            return _invalid("The body must be one JSON-RPC message; only 2025-03-26 has batches")
        if not 0 < len(message) <= _MAX_BATCH:
            return _invalid(f"A batch must have 1 to {_MAX_BATCH} messages")
        return await _answer_batch(server, message, caller, session, request_id)
    if not isinstance(message, dict):
        return _invalid("The body must be one JSON-RPC message object")
    given_id = read_id(message)
    initializes = message.get("method") == "initialize"
    capabilities: Sequence[str] = ()
    if session is not None and not initializes:
        opened = _open_session(server, session, caller)
        if opened is None:
            return reply_error(given_id, _session_unknown(), modern=False)
        capabilities = opened
    if _wants_no_answer(message):
        if "method" not in message and isinstance(message.get("id"), str):
            try:
                await server.answers.deliver(principal_of(caller), message["id"], message)
            except AnswerNotTaken:
                return _try_again()
        return Reply(202)
    client = Client(caller, capabilities, sink, session)
    try:
        result, headers = await _run(server, message, given_id, client, request_id)
    except RpcError as error:
        return reply_error(given_id, error, modern=False)
    if initializes:
        headers = _seal_session(server, message, caller)
    return Reply(200, write_result(given_id, result), headers)


async def open_stream(
    server: Server, session: bytes | None, caller: AccessClaims, sink: OpenSink
) -> Reply:
    """Serve the stream that a client asks for with GET, until it ends.

    Raises:
        TooManyListeners: there is no room for it.
    """
    if session is not None and _open_session(server, session, caller) is None:
        return reply_error(b"null", _session_unknown(), modern=False)
    await stream(server, caller, session, sink)
    return Reply(200)


async def _answer_batch(
    server: Server,
    messages: list[object],
    caller: AccessClaims,
    session: bytes | None,
    request_id: str,
) -> Reply:
    answers: list[bytes] = []
    # The answers are one array, so messages can't be sent before it.
    client = Client(caller, (), None, session)
    for number, message in enumerate(messages):
        await asyncio.sleep(0)  # other requests get their turn between two messages
        if not isinstance(message, dict):
            problem = RpcError(
                INVALID_REQUEST, "A batch must contain only JSON-RPC message objects"
            )
            answers.append(write_error(b"null", problem))
            continue
        if _wants_no_answer(message):
            continue
        given_id = read_id(message)
        try:
            if message.get("method") == "initialize":
                raise RpcError(INVALID_REQUEST, "initialize can't be part of a batch")
            result, _ = await _run(server, message, given_id, client, f"{request_id}-{number}")
            answers.append(write_result(given_id, result))
        except RpcError as error:
            answers.append(write_error(given_id, error))
    return Reply(200, b"[" + b",".join(answers) + b"]") if answers else Reply(202)


async def _run(
    server: Server, message: Mapping[str, Any], given_id: bytes, client: Client, call_id: str
) -> tuple[bytes, HeaderLines]:
    """Return the result, and the headers about limits."""
    method, params = read_request(message, given_id)
    if not isinstance(params.get("_meta", {}), dict):
        raise RpcError(INVALID_PARAMS, "params._meta must be an object")
    handler = METHODS.get(method)
    if handler is None:
        if (of_session := SESSION_METHODS.get(method)) is None:
            raise RpcError(METHOD_NOT_FOUND, f"Method not found: {method[:128]}")
        await of_session(server, params, client)
        return b"{}", ()
    conversation = HandshakeConversation(
        client.sink,
        read_token(params),
        capabilities=client.capabilities,
        answers=server.answers,
        caller=client.caller,
        is_revoked=server.is_revoked,
        read_level=partial(_read_level, server, client),
    )
    incoming = Incoming(method, params, client.caller, call_id, conversation)
    try:
        return await handler(server, incoming), conversation.limits
    except CallRefused as refusal:
        raise RpcError(INVALID_PARAMS, str(refusal)) from None


def _seal_session(
    server: Server, message: Mapping[str, Any], caller: AccessClaims
) -> tuple[tuple[bytes, bytes], ...]:
    """Return a session header: a name, sealed with the client's capabilities for questions, if any.

    Some clients open a stream only in a session.
    """
    declared = message["params"]["capabilities"]
    askable = [name for name in _ASKABLE if can_ask(declared, name)]
    name = server.new_id()
    if not askable:
        return ((SESSION_HEADER, _NAME_ONLY + name.encode()),)
    # A name is not a capability, so a process of an earlier release reads this, too.
    session = server.sealer.seal(_SESSION, [principal_of(caller), *askable, name])
    return ((SESSION_HEADER, session.encode()),)


def _open_session(server: Server, session: bytes, caller: AccessClaims) -> Sequence[str] | None:
    if session.startswith(_NAME_ONLY):
        return ()
    opened = server.sealer.open(_SESSION, session.decode("latin-1"))
    if opened is None or opened[0] != principal_of(caller):
        return None
    capabilities: Sequence[str] = opened[1:]
    return capabilities


def _session_unknown() -> RpcError:
    text = "This session does not belong to this server and user; initialize again"
    return RpcError(SESSION_UNKNOWN, text)


def _try_again() -> Reply:
    """Refuse an answer that can't be delivered (2025-11-25 transports, Sending)."""
    text = "The answer can't be delivered at the moment. Send it again in 5 seconds."
    body = write_error(b"null", RpcError(ANSWER_NOT_TAKEN, text))
    return Reply(503, body, ((b"retry-after", b"5"),))


def _wants_no_answer(message: Mapping[str, Any]) -> bool:
    """Tell whether this is a notification or a response."""
    if "method" in message:
        return "id" not in message and isinstance(message["method"], str)
    return "result" in message or "error" in message


def _invalid(text: str) -> Reply:
    return reply_error(b"null", RpcError(INVALID_REQUEST, text), modern=False)


async def _initialize(server: Server, incoming: Incoming) -> bytes:
    params = incoming.params
    asked = params.get("protocolVersion")
    if not isinstance(asked, str):
        raise RpcError(INVALID_PARAMS, "params.protocolVersion must be a string")
    for name in ("capabilities", "clientInfo"):
        if not isinstance(params.get(name), dict):
            raise RpcError(INVALID_PARAMS, f"params.{name} must be an object")
    known = asked in HANDSHAKE_PROTOCOL_VERSIONS
    extensions = {"extensions": server.extensions} if server.extensions else {}
    return orjson.dumps(
        {
            "protocolVersion": asked if known else LATEST_HANDSHAKE_VERSION,
            "capabilities": {**server.capabilities, **extensions},
            "serverInfo": server.introduction,
            "instructions": server.instructions,
        }
    )


async def _ping(_: Server, __: Incoming) -> bytes:
    return b"{}"


async def _list_tools(server: Server, incoming: Incoming) -> bytes:
    require_first_page(incoming.params)
    return server.listing.write(incoming.caller.allowed_tools, b"}")


async def _call_tool(server: Server, incoming: Incoming) -> bytes:
    try:
        result = await run_tool(server, incoming)
    except (ScopeMissing, RateLimited, CannotAsk, NobodyAnswered) as refusal:
        # Several clients of this era fail on a 403 or a 429, so the model gets the error instead.
        result = tool_error(str(refusal), reason=refusal.reason)
    return orjson.dumps(result_members(result))


async def _read_resource(server: Server, incoming: Incoming) -> bytes:
    try:
        return orjson.dumps(await features.read_resource(server, incoming))
    except features.ResourceMissing as missing:
        raise RpcError(RESOURCE_NOT_FOUND, missing.message, missing.data) from None
    except ScopeMissing as refusal:
        raise RpcError(INVALID_PARAMS, str(refusal)) from None
    except RateLimited as refusal:
        raise RpcError(RATE_LIMITED, str(refusal), {"retryAfter": refusal.seconds}) from None


def _plain(feature: Callable[[Server, Incoming], Awaitable[features.Members]]) -> Method:
    async def write(server: Server, incoming: Incoming) -> bytes:
        return orjson.dumps(await feature(server, incoming))

    return write


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "initialize": _initialize,
        "ping": _ping,
        "tools/list": _list_tools,
        "tools/call": _call_tool,
        "prompts/list": _plain(features.list_prompts),
        "prompts/get": _plain(features.get_prompt),
        "resources/list": _plain(features.list_resources),
        "resources/templates/list": _plain(features.list_templates),
        "resources/read": _read_resource,
        "completion/complete": _plain(features.complete),
    }
)

SessionMethod = Callable[[Server, Mapping[str, Any], Client], Awaitable[None]]


async def _set_level(server: Server, params: Mapping[str, Any], client: Client) -> None:
    level = require_level(params.get("level"), "params.level")
    subscriber = name_subscriber(client.caller, client.session)
    try:
        await server.listeners.wishes.set_level(subscriber, level)
    except NotShared:
        raise _not_kept() from None


async def _read_level(server: Server, client: Client) -> str | None:
    try:
        subscriber = name_subscriber(client.caller, client.session)
        return await server.listeners.wishes.level(subscriber)
    except NotShared:
        return None


async def _subscribe(server: Server, params: Mapping[str, Any], client: Client) -> None:
    _require_subscriptions(server)
    uri = features.read_uri(params)
    if not may_read(server.catalogue, client.caller, uri, with_skills=server.has_skills):
        raise RpcError(RESOURCE_NOT_FOUND, "Resource not found", {"uri": uri})
    if not watched_names(server.catalogue, client.caller, uri, with_skills=server.has_skills):
        said = "Nothing tells this server when this resource changes; read it again instead"
        raise RpcError(INVALID_PARAMS, said, {"uri": uri})
    subscriber = name_subscriber(client.caller, client.session)
    try:
        await server.listeners.subscribe(subscriber, uri)
    except TooManyWatched:
        said = f"This client watches {MOST_URIS} resources, the most it may; unsubscribe from one"
        raise RpcError(INVALID_PARAMS, said) from None
    except NotShared:
        raise _not_kept() from None


async def _unsubscribe(server: Server, params: Mapping[str, Any], client: Client) -> None:
    _require_subscriptions(server)
    uri = features.read_uri(params)
    try:
        await server.listeners.unsubscribe(name_subscriber(client.caller, client.session), uri)
    except NotShared:
        raise _not_kept() from None


def _require_subscriptions(server: Server) -> None:
    if not server.listeners.are_offered or not can_change(
        server.catalogue, with_skills=server.has_skills
    ):
        raise RpcError(METHOD_NOT_FOUND, "Method not found: this server has no subscriptions")


def _not_kept() -> RpcError:
    return RpcError(INTERNAL_ERROR, "This can't be stored at the moment. Try again in 5 seconds.")


SESSION_METHODS: Mapping[str, SessionMethod] = MappingProxyType(
    {
        "logging/setLevel": _set_level,
        "resources/subscribe": _subscribe,
        "resources/unsubscribe": _unsubscribe,
    }
)
"""The methods that change what is kept for a client; their result is empty."""
