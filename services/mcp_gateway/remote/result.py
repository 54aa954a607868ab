"""Turn the result of a tool of an MCP server into an answer that the pipeline checks like any other.

Structured content becomes JSON and texts become text. Pictures, sounds and files become blocks beside
them, which a tool with checks or a shape loses, because nothing could check them.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.remote.messages import RpcError, UnreadableAnswer
from mcp_gateway.results.content import MOST_PARTS, is_text
from mcp_gateway.results.exact import write_json

_JSON, _TEXT = "application/json", "text/plain; charset=utf-8"
_INTERNAL = -32603
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,100}")
_ASKS = "The server asks for something that only a person or a model could give it."
_UNCHECKED = b"The server sent content that can't be checked."
Block = dict[str, Any]


def read_result(
    reply: Mapping[str, Any] | RpcError, status: int, *, name: str, checked: bool
) -> HttpResponse:
    """Return a reply as an answer.

    Args:
        reply: the server's result or error.
        status: the HTTP status that it came with.
        name: the name for a file in the answer.
        checked: whether every part must be checked, so that only JSON or text may be passed on.

    Raises:
        UnreadableAnswer: the result is malformed or has too many parts.
    """
    if isinstance(reply, RpcError):
        # An internal error usually is the text of an exception.
        said = "" if reply.code == _INTERNAL else reply.message
        return _fail(status, orjson.dumps({"message": said, "code": reply.code}))
    if reply.get("resultType", "complete") != "complete":
        return _fail(status, orjson.dumps({"message": _ASKS}))
    failed = reply.get("isError") is True
    texts, blocks = _read_content(reply.get("content", []), name)
    structured = reply.get("structuredContent")
    if structured is not None and not failed:
        try:
            body, kind = write_json(structured), _JSON
        except ValueError:
            raise UnreadableAnswer("is nested too deeply") from None
    else:
        body, kind = "\n\n".join(texts).encode(errors="replace"), _TEXT
        if len(texts) == 1 and body.lstrip()[:1] in (b"{", b"["):
            kind = _JSON  # Servers without structured content write their JSON as text.
    if failed:
        return _fail(status, body, kind)
    if checked and blocks:
        blocks, body = [], body or _UNCHECKED
    return HttpResponse(status, kind, body, blocks=tuple(blocks))


def _fail(status: int, body: bytes, kind: str = _JSON) -> HttpResponse:
    return HttpResponse(status, kind, body, failed=True)


def _read_content(content: Any, name: str) -> tuple[list[str], list[Block]]:
    if not isinstance(content, list):
        raise UnreadableAnswer("is not the result of a tool")
    if len(content) > MOST_PARTS:
        raise UnreadableAnswer(f"holds more than {MOST_PARTS} parts")
    texts: list[str] = []
    blocks: list[Block] = []
    for number, part in enumerate(content):
        for read in _read_part(part, f"{name}/{number}"):
            (texts if isinstance(read, str) else blocks).append(read)  # type: ignore[arg-type]
    return texts, blocks


def _read_part(part: Any, name: str) -> Iterator[str | Block]:
    """Read one content block; other kinds and everything in `_meta` and `annotations` are dropped."""
    match part:
        case {"type": "text", "text": str(text)}:
            yield text
        case {"type": "image" | "audio" as kind, "data": str(data), "mimeType": str(media)}:
            if not _is_media(media) or not media.startswith(f"{kind}/"):
                raise UnreadableAnswer("holds content of a malformed type")
            if is_text(media):
                yield _decode(data)  # such as SVG, in which instructions could hide from the guard
            else:
                yield {"type": kind, "data": _require_base64(data), "mimeType": media}
        case {"type": "resource", "resource": {"text": str(text)}}:
            yield text
        case {"type": "resource", "resource": {"blob": str(data)} as resource}:
            media = resource.get("mimeType", "application/octet-stream")
            if not isinstance(media, str) or not _is_media(media):
                raise UnreadableAnswer("holds content of a malformed type")
            if is_text(media):
                # As a file, text would reach the model whole and unguarded.
                yield _decode(data)
            else:
                resource = {"uri": f"gatepost:{name}", "mimeType": media}
                yield {"type": "resource", "resource": {**resource, "blob": _require_base64(data)}}
        case {"type": "resource_link", "name": str(title)}:
            # Without its URI, which only the server resolves and which the gateway never fetches.
            yield f"[The server names a resource, which can't be read here: {title}]"


def _is_media(media: str) -> bool:
    return _MEDIA_TYPE.fullmatch(media) is not None


def _decode(data: str) -> str:
    return b64decode(_require_base64(data)).decode(errors="replace")


def _require_base64(data: str) -> str:
    try:
        b64decode(data, validate=True)
    except (NotBase64, ValueError):
        raise UnreadableAnswer("holds content that is not base64") from None
    return data
