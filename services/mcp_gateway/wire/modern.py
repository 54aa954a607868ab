"""The modern era: 2026-07-28, in which each request is self-contained.

Every request has its protocol version and capabilities in `params._meta`, and mirrors version, method
and name in headers, which must match before anything else is checked.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
)
from mcp_types.jsonrpc import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from gatepost.claims import AccessClaims
from mcp_gateway.auth.challenge import scheme_of
from mcp_gateway.pipeline.call import RateLimited, ScopeMissing, tool_error
from mcp_gateway.pipeline.conversation import (
    CallRefused,
    CannotAsk,
    InputRequired,
    NobodyAnswered,
)
from mcp_gateway.wire import features, tasks
from mcp_gateway.wire.conversation import MessageSink, ModernConversation, read_level, read_token
from mcp_gateway.wire.headers import Headers, decode_mirrored, read_plain
from mcp_gateway.wire.jsonrpc import (
    RATE_LIMITED,
    SCOPE_MISSING,
    Reply,
    RpcError,
    read_id,
    read_request,
    reply_error,
    write_error,
    write_result,
)
from mcp_gateway.wire.listening import LISTEN, listen
from mcp_gateway.wire.param_headers import require_param_headers
from mcp_gateway.wire.round_trips import RoundTrips
from mcp_gateway.wire.server import (
    Incoming,
    Server,
    capability_missing,
    require_first_page,
    run_tool,
)

VERSION_HEADER = b"mcp-protocol-version"
_METHOD_HEADER = b"mcp-method"
_NAME_HEADER = b"mcp-name"
_MIRRORED = frozenset({VERSION_HEADER, _METHOD_HEADER, _NAME_HEADER})
_NAMED_BY: Mapping[str, str] = MappingProxyType(
    {
        "tools/call": "name",
        "prompts/get": "name",
        "resources/read": "uri",
        "tasks/get": "taskId",
        "tasks/update": "taskId",
        "tasks/cancel": "taskId",
    }
)
_SERVED = ", ".join((*MODERN_PROTOCOL_VERSIONS, *reversed(HANDSHAKE_PROTOCOL_VERSIONS)))
_EXTENSIONS: Mapping[str, Any] = {"io.modelcontextprotocol/oauth-client-credentials": {}}
"""Programs get tokens of their own from the authorization server, without a person."""
_TTL_MS = 60_000  # short, so that a wider grant takes effect soon

Method = Callable[[Server, Incoming], Awaitable[bytes]]


async def answer(
    server: Server,
    message: object,
    *,
    headers: Headers,
    caller: AccessClaims,
    request_id: str,
    sink: MessageSink | None,
) -> Reply:
    """Answer one POST: one request or one notification."""
    if not isinstance(message, dict):
        return _refuse(
            b"null", RpcError(INVALID_REQUEST, "The body must be one JSON-RPC message object")
        )
    given_id = read_id(message)
    try:
        if "id" not in message and isinstance(message.get("method"), str):
            _require_served(read_plain(headers.get(VERSION_HEADER) or b""))
            return Reply(202)
        method, params = read_request(message, given_id)
        _require_envelope(method, params, headers)
        handler = METHODS.get(method)
        if handler is None:
            if method == LISTEN and server.listeners.are_offered:
                ended = await listen(server, message["id"], params, caller, sink)
                return Reply(200, write_result(given_id, ended))
            raise RpcError(METHOD_NOT_FOUND, f"Method not found: {method[:128]}")
        if method == "tools/call":
            _require_params(server, params, headers, caller)
        conversation = ModernConversation(
            sink,
            read_token(params),
            level=read_level(params),
            capabilities=params["_meta"][CLIENT_CAPABILITIES_META_KEY],
            round_trips=RoundTrips(
                method,
                params,
                caller,
                request_id,
                sealer=server.sealer,
                confirmations=server.confirmations,
                now=server.now,
            ),
            follows=method == "tools/call",
        )
        incoming = Incoming(method, params, caller, request_id, conversation)
        result = await handler(server, incoming)
    except RpcError as error:
        return _refuse(given_id, error)
    except CannotAsk as refusal:
        return _refuse(given_id, capability_missing(refusal))
    except InputRequired as required:
        result = _write_questions(server, required)
    except ScopeMissing as refusal:
        return _step_up(server, given_id, refusal, caller)
    except RateLimited as refusal:
        slow = RpcError(RATE_LIMITED, str(refusal), {"retryAfter": refusal.seconds})
        return _refuse(given_id, slow)._replace(headers=conversation.limits)
    except CallRefused as refusal:
        return _refuse(given_id, RpcError(INVALID_PARAMS, str(refusal)))
    return Reply(200, write_result(given_id, result), conversation.limits)


def _require_envelope(method: str, params: Mapping[str, Any], headers: Headers) -> None:
    """Check `_meta`, then that the headers match it, then the version (basic, Versioning).

    A mismatch is reported before an unsupported version. A client that names its version in the
    header alone is told about that version.
    """
    meta = params.get("_meta")
    if meta is None and VERSION_HEADER not in headers.repeated:
        _require_served(read_plain(headers.get(VERSION_HEADER) or b""))
    if not isinstance(meta, dict):
        raise RpcError(INVALID_PARAMS, "params._meta must be an object")
    for key in (PROTOCOL_VERSION_META_KEY, CLIENT_CAPABILITIES_META_KEY):
        if key not in meta:
            raise RpcError(INVALID_PARAMS, f"params._meta lacks {key}")
    if not headers.repeated.isdisjoint(_MIRRORED):
        raise RpcError(HEADER_MISMATCH, "A mirrored header appears more than once")
    version = meta[PROTOCOL_VERSION_META_KEY]
    _require_agreement(VERSION_HEADER, headers, version)
    _require_agreement(_METHOD_HEADER, headers, method)
    member = _NAMED_BY.get(method)
    if member is not None and (named := params.get(member)) is not None:
        _require_agreement(_NAME_HEADER, headers, named, read=decode_mirrored)
    _require_served(version)
    if not isinstance(meta[CLIENT_CAPABILITIES_META_KEY], dict):
        raise RpcError(
            INVALID_PARAMS, f"params._meta.{CLIENT_CAPABILITIES_META_KEY} must be an object"
        )
    if not isinstance(meta.get(CLIENT_INFO_META_KEY), dict | None):
        raise RpcError(INVALID_PARAMS, f"params._meta.{CLIENT_INFO_META_KEY} must be an object")


def _require_agreement(
    name: bytes,
    headers: Headers,
    expected: object,
    read: Callable[[bytes], str | None] = read_plain,
) -> None:
    given = headers.get(name)
    if given is None:
        raise RpcError(HEADER_MISMATCH, f"The header {name.decode()} is missing")
    if read(given) != expected:
        raise RpcError(HEADER_MISMATCH, f"The header {name.decode()} does not match the body")


def _require_served(version: str) -> None:
    if version not in MODERN_PROTOCOL_VERSIONS:
        raise RpcError(
            UNSUPPORTED_PROTOCOL_VERSION,
            f"Unsupported protocol version {version[:40]!r}; this server supports {_SERVED}",
            {"supported": list(MODERN_PROTOCOL_VERSIONS), "requested": version},
        )


def _require_params(
    server: Server, params: Mapping[str, Any], headers: Headers, caller: AccessClaims
) -> None:
    """Check mirrored arguments; the pipeline handles unknown and forbidden tools."""
    name, arguments = params.get("name"), params.get("arguments")
    tool = server.catalogue.tools.get(name) if isinstance(name, str) else None
    former = server.catalogue.former.get(name) if isinstance(name, str) and tool is None else None
    if former is not None:
        tool = former[0]
    if tool is None or not tool.mirror:
        return
    # An error for a forbidden tool would reveal that it exists.
    if tool.name in server.catalogue.usable(caller.allowed_tools):
        given = arguments if isinstance(arguments, dict) else {}
        given = given if former is None else former[1].rename(given)
        require_param_headers(tool, given, headers)


def _write_questions(server: Server, required: InputRequired) -> bytes:
    """Write an `InputRequiredResult` (2026-07-28 multi round-trip requests)."""
    asked = {one.key: {"method": one.method, "params": one.params} for one in required.asked}
    members = {"inputRequests": asked, "requestState": required.state}
    return orjson.dumps({**_complete(server), "resultType": "input_required", **members})


def _refuse(given_id: bytes, error: RpcError) -> Reply:
    return reply_error(given_id, error, modern=True)


def _step_up(server: Server, given_id: bytes, refusal: ScopeMissing, caller: AccessClaims) -> Reply:
    """Request the scope that this call needs (MCP authorization, Runtime Insufficient Scope Errors)."""
    challenge = server.challenge.header(
        scheme_of(caller),
        error="insufficient_scope",
        scope=refusal.scope,
        description=refusal.description,
        organisation=server.challenge.organisation_of(caller.aud),
    )
    body = write_error(given_id, RpcError(SCOPE_MISSING, str(refusal)))
    return Reply(403, body, ((b"www-authenticate", challenge),))


def _complete(server: Server) -> dict[str, Any]:
    return {"resultType": "complete", "_meta": {SERVER_INFO_META_KEY: server.info}}


def _cacheable(server: Server) -> dict[str, Any]:
    return {**_complete(server), "ttlMs": _TTL_MS, "cacheScope": "private"}


async def _discover(server: Server, _: Incoming) -> bytes:
    return orjson.dumps(
        {
            "supportedVersions": list(MODERN_PROTOCOL_VERSIONS),
            "capabilities": {
                **server.capabilities,
                "extensions": {**_EXTENSIONS, **server.modern_extensions},
            },
            "instructions": server.instructions,
            **_cacheable(server),
            "_meta": {SERVER_INFO_META_KEY: server.introduction},
        }
    )


async def _list_tools(server: Server, incoming: Incoming) -> bytes:
    require_first_page(incoming.params)
    ending = b"," + orjson.dumps(_cacheable(server))[1:]
    return server.listing.write(incoming.caller.allowed_tools, ending)


async def _call_tool(server: Server, incoming: Incoming) -> bytes:
    try:
        result = await run_tool(server, incoming)
    except NobodyAnswered as refusal:
        result = tool_error(str(refusal), reason=refusal.reason)
    if result.job is not None:
        created = tasks.write_created(server, incoming.caller, result.job)
        if created is not None:
            return orjson.dumps({**_complete(server), **created})
    members = {"content": result.content, "isError": result.is_error, **_complete(server)}
    if result.structured is not None:
        members["structuredContent"] = result.structured
    if result.meta is not None:
        members["_meta"] = {SERVER_INFO_META_KEY: server.info, **result.meta}
    return orjson.dumps(members)


Feature = Callable[[Server, Incoming], Awaitable[features.Members]]


def _completed(feature: Feature) -> Method:
    async def write(server: Server, incoming: Incoming) -> bytes:
        return orjson.dumps({**await feature(server, incoming), **_complete(server)})

    return write


def _cached(feature: Feature) -> Method:
    async def write(server: Server, incoming: Incoming) -> bytes:
        return orjson.dumps({**await feature(server, incoming), **_cacheable(server)})

    return write


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "server/discover": _discover,
        "tools/list": _list_tools,
        "tools/call": _call_tool,
        "prompts/list": _cached(features.list_prompts),
        "prompts/get": _completed(features.get_prompt),
        "resources/list": _cached(features.list_resources),
        "resources/templates/list": _cached(features.list_templates),
        "resources/read": _cached(features.read_resource),
        "completion/complete": _completed(features.complete),
        "skills/list": _cached(features.list_skills),
        "skills/get": _cached(features.get_skill),
        "tasks/get": _completed(tasks.get_task),
        "tasks/update": _completed(tasks.update_task),
        "tasks/cancel": _completed(tasks.cancel_task),
    }
)
