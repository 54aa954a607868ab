"""Write JSON-RPC requests to an MCP server, and read its answers, as JSON or as an event stream.

Sources: MCP 2025-11-25 and 2026-07-28, basic/transports (Streamable HTTP); JSON-RPC 2.0 §4, §5.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.requests.bodies import essence, is_json
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.results.exact import read_json
from mcp_gateway.work.size import MOST_ANSWER_VALUES, holds_more

STATELESS = "2026-07-28"
HANDSHAKE = "2025-11-25"
HANDSHAKES = frozenset({HANDSHAKE, "2025-06-18", "2025-03-26"})
CLIENT = {"name": "gatepost", "version": "1"}
_EVENTS = "text/event-stream"
_ACCEPT = ("Accept", f"application/json, {_EVENTS}")
_SAFE = re.compile(r"(?! )[ -~]*(?<! )").fullmatch
_MOST_EVENTS = 1000
"""Events that are read from the end of a stream, where the answer is."""


_LONGEST_NOTE = 10_000
"""Bytes of a report of progress."""

NoteProgress = Callable[[Mapping[str, Any]], None]
"""Takes the params of `notifications/progress`."""


class UnreadableAnswer(Exception):
    """The server's answer is not one to the request; the message completes `The API's answer …`."""

    def failure(self) -> RequestFailed:
        """Return the failure of the request."""
        return RequestFailed("unreadable", f"The API's answer {self}.")


@dataclass(frozen=True, slots=True)
class RpcError:
    """An error of the server (JSON-RPC 2.0 §5.1)."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Protocol:
    """How to speak to a server: the revision, and the session of the handshake era."""

    version: str
    session: str = ""


def write_request(
    url: str,
    request_id: str,
    method: str,
    params: Mapping[str, Any],
    protocol: Protocol | None = None,
    note_progress: NoteProgress | None = None,
) -> HttpRequest:
    """Write one request; one without a protocol is `initialize`, which negotiates it.

    `note_progress` gets what the server reports about it.
    """
    headers = [("Content-Type", "application/json"), _ACCEPT]
    if protocol is not None:
        headers.append(("MCP-Protocol-Version", protocol.version))
        if protocol.version == STATELESS:
            headers.append(("Mcp-Method", method))
            if method == "tools/call":
                headers.append(("Mcp-Name", params["name"]))
            params = {
                **params,
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": STATELESS,
                    "io.modelcontextprotocol/clientInfo": CLIENT,
                    # None: the gateway answers no questions of the server.
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            }
        elif protocol.session:
            headers.append(("Mcp-Session-Id", protocol.session))
    if note_progress is not None:
        params = {**params, "_meta": {**params.get("_meta", {}), "progressToken": request_id}}
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    if request_id:
        message["id"] = request_id
    ends = StreamEnd(request_id, note_progress) if request_id else None
    return HttpRequest("POST", url, tuple(headers), orjson.dumps(message), ends=ends)


def write_parameter(value: str | int | bool) -> str:
    """Write a value that a header repeats (2026-07-28 basic/transports, Custom Headers)."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if _SAFE(text) and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{b64encode(text.encode(errors='replace')).decode()}?="


def write_notification(url: str, method: str, protocol: Protocol) -> HttpRequest:
    """Write one notification of the handshake era, which has no answer."""
    return write_request(url, "", method, {}, protocol)


class StreamEnd:
    """Tells when an event stream has the answer to a request, or a question that nobody will answer.

    A server may leave its stream open after the answer, and waits with its answer for one of ours.
    """

    def __init__(self, request_id: str, note_progress: NoteProgress | None = None) -> None:
        """Take the id of the request, and what gets the progress of its call."""
        self._request_id = request_id
        self._note_progress = note_progress
        self._read = self._seen = 0

    def __call__(self, body: bytes | bytearray) -> bool:
        """Look at the events that are complete since the last time."""
        # The end of an event may be cut in the middle of its line breaks.
        start = max(self._read, self._seen - 2)
        if (size := len(body)) < self._seen:
            start = self._read = 0  # another answer to the same request, sent again
        self._seen = size
        end = max(body.rfind(b"\n\n", start), body.rfind(b"\n\r\n", start))
        if end < 0:
            return False
        events = _events(bytes(body[self._read : end + 1]))
        self._read = end + 1
        if self._note_progress is not None:
            for event in events:
                self._note(event, self._note_progress)
        return any(map(self._is_last, events))

    def _note(self, event: bytes, note_progress: NoteProgress) -> None:
        if b"notifications/progress" not in event or len(event) > _LONGEST_NOTE:
            return
        with suppress(orjson.JSONDecodeError):
            message = orjson.loads(event)
            params = message.get("params") if isinstance(message, dict) else None
            if isinstance(params, dict) and params.get("progressToken") == self._request_id:
                note_progress(params)

    def _is_last(self, event: bytes) -> bool:
        if b'"id"' not in event:
            return False
        try:
            message = orjson.loads(event)
        except orjson.JSONDecodeError:
            return False
        if not isinstance(message, dict):
            return False
        return _is_question(message) or (
            "method" not in message and message.get("id") == self._request_id
        )


def _is_question(message: Mapping[str, Any]) -> bool:
    """Tell whether a message asks the client for more than a sign of life."""
    return "id" in message and "method" in message and message["method"] != "ping"


def read_reply(response: HttpResponse, request_id: str) -> Mapping[str, Any] | RpcError:
    """Return the result or the error for a request, whatever else the server sent.

    Requests and notifications in an event stream are ignored: a server's question to the client is
    never passed on.

    Raises:
        UnreadableAnswer: there is no answer with this id, or it has too many values.
    """
    kind = essence(response.content_type)
    if kind == _EVENTS:
        candidates = _events(response.body)
    elif is_json(kind):
        candidates = [response.body]
    else:
        raise UnreadableAnswer("is neither JSON nor an event stream")
    asks = False
    for candidate in candidates:
        if holds_more(candidate, (b",", b"[", b"{"), MOST_ANSWER_VALUES):
            raise UnreadableAnswer(f"holds more than {MOST_ANSWER_VALUES:,} values")
        try:
            message = read_json(candidate)
        except ValueError:
            continue
        if not isinstance(message, dict):
            continue
        asks = asks or _is_question(message)
        if message.get("id") != request_id or "method" in message:
            continue
        if isinstance(result := message.get("result"), dict):
            return result
        if isinstance(error := message.get("error"), dict):
            code, said = error.get("code"), error.get("message")
            return RpcError(
                code if isinstance(code, int) else 0, said if isinstance(said, str) else ""
            )
    if asks:
        raise UnreadableAnswer("is a question that only a person or a model could answer")
    raise UnreadableAnswer("holds no answer to the request")


def _events(body: bytes) -> list[bytes]:
    """Return the data of a stream's last events, the last one first."""
    blocks = body.replace(b"\r\n", b"\n").rsplit(b"\n\n", _MOST_EVENTS)
    if len(blocks) > _MOST_EVENTS:
        del blocks[0]
    found = []
    for block in reversed(blocks):
        if b"data:" not in block:
            continue
        lines = [line for line in block.split(b"\n") if line.startswith(b"data:")]
        found.append(b"\n".join(line[5:] for line in lines))
    return found
