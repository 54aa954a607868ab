"""Find out how an MCP server is spoken to, and open a session if it wants one."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.remote.messages import (
    CLIENT,
    HANDSHAKE,
    HANDSHAKES,
    STATELESS,
    Protocol,
    RpcError,
    UnreadableAnswer,
    write_notification,
    write_request,
)
from mcp_gateway.remote.result import read_result
from mcp_gateway.requests.request import HttpRequest

Outcome = HttpResponse | RequestFailed
Send = Callable[[HttpRequest, str], Awaitable[Outcome]]
"""Sends a message, and takes its name, which is unique for this opening."""
Read = Callable[[HttpResponse, str], Awaitable[Mapping[str, Any] | RpcError]]
"""Reads the answer to the request with an id, as `read_reply` does."""
_SESSION = re.compile(r"[!-~]{1,512}")
_SAY_NOTHING = frozenset({401, 403, 407, 408, 429})
"""Errors that say nothing about the revision that a server speaks."""


async def open_protocol(
    url: str, send: Send, read: Read, *, name: str, is_handshake: bool = False
) -> Protocol | Outcome:
    """Ask a server for the stateless revision, and shake hands with it if it doesn't speak that.

    Args:
        url: the server's endpoint.
        send: sends each message.
        read: reads each answer.
        name: begins the ids of the messages.
        is_handshake: whether the server is known not to speak the stateless revision.

    Returns:
        How to speak to the server, or the answer or failure that ended the attempt.
    """
    if not is_handshake:
        asked = f"{name}.discover"
        found = await send(
            write_request(url, asked, "server/discover", {}, Protocol(STATELESS)), asked
        )
        if isinstance(found, RequestFailed) or _says_nothing(found):
            return found
        if STATELESS in await _versions(read, found, asked):
            return Protocol(STATELESS)
    asked = f"{name}.initialize"
    params: Mapping[str, Any] = {
        "protocolVersion": HANDSHAKE,
        "capabilities": {},
        "clientInfo": CLIENT,
    }
    answer = await send(write_request(url, asked, "initialize", params), asked)
    if isinstance(answer, RequestFailed) or answer.status >= 300:
        return answer
    try:
        reply = await read(answer, asked)
        if isinstance(reply, RpcError):
            return read_result(reply, answer.status, name="", checked=False)
        protocol = _read_protocol(reply, answer.session)
    except UnreadableAnswer as problem:
        return problem.failure()
    ready = write_notification(url, "notifications/initialized", protocol)
    outcome = await send(ready, f"{name}.initialized")
    return outcome if isinstance(outcome, RequestFailed) else protocol


def _says_nothing(answer: HttpResponse) -> bool:
    return answer.status in _SAY_NOTHING or answer.status >= 500 or 300 <= answer.status < 400


async def _versions(read: Read, answer: HttpResponse, asked: str) -> list[Any]:
    """Return the revisions that a server offers; none if it does not know the question."""
    try:
        reply = await read(answer, asked)
    except UnreadableAnswer:
        return []
    versions = None if isinstance(reply, RpcError) else reply.get("supportedVersions")
    return versions if isinstance(versions, list) else []


def _read_protocol(reply: Mapping[str, Any], session: str) -> Protocol:
    version = reply.get("protocolVersion")
    if version not in HANDSHAKES:
        raise UnreadableAnswer("names no revision of MCP that the gateway speaks")
    if session and not _SESSION.fullmatch(session):
        raise UnreadableAnswer("names a malformed session")
    return Protocol(version, session)
