"""Reading the upstream's answers: content for the model."""

from base64 import b64encode
from email.message import Message
from email.parser import BytesParser
from typing import Any

import orjson

from mcp_gateway.upstream.bodies import is_json
from mcp_gateway.upstream.port import UpstreamResponse

_TEXTS = frozenset({"application/xml", "application/yaml", "application/x-www-form-urlencoded"})
_BOM = b"\xef\xbb\xbf"

Block = dict[str, Any]


def shape_body(response: UpstreamResponse, *, name: str) -> tuple[list[Block], Any]:
    """Shape a successful answer.

    Returns:
        Content blocks, and for JSON the structured content: the object itself, or any other value
        as `{"result": …}`. JSON is passed on as the upstream wrote it, once it has parsed.
    """
    media_type, charset = _media_type(response.content_type)
    if not response.body:
        return [_text(f"Done. The API answered {response.status} without content.")], None
    if media_type == "multipart/mixed" and (parts := _split(response)):
        shaped = (shape_body(part, name=f"{name}/{n}")[0] for n, part in enumerate(parts))
        return [block for blocks in shaped for block in blocks], None
    if is_json(media_type):
        body = response.body.removeprefix(_BOM)
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            return [_text(_decode(body, charset))], None
        whole = body if isinstance(parsed, dict) else b'{"result":' + body + b"}"
        return [_text(body.decode())], orjson.Fragment(whole)
    if media_type.startswith("text/") or media_type.endswith("+xml") or media_type in _TEXTS:
        return [_text(_decode(response.body, charset))], None
    return [_binary(response.body, media_type or "application/octet-stream", name)], None


def _split(response: UpstreamResponse) -> list[UpstreamResponse]:
    """Take a `multipart/mixed` answer apart (RFC 2046 §5.1.3); none where it is damaged."""
    head = f"Content-Type: {response.content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser().parsebytes(head + response.body)
    parts = message.get_payload() if message.is_multipart() and not message.defects else []
    return [
        UpstreamResponse(response.status, part.get("Content-Type", "text/plain"), body)
        for part in parts
        if isinstance(part, Message) and isinstance(body := part.get_payload(decode=True), bytes)
    ]


def _binary(body: bytes, media_type: str, name: str) -> Block:
    data = b64encode(body).decode("ascii")
    kind = media_type.partition("/")[0]
    if kind in {"image", "audio"}:
        return {"type": kind, "data": data, "mimeType": media_type}
    resource = {"uri": f"gatepost:{name}", "mimeType": media_type, "blob": data}
    return {"type": "resource", "resource": resource}


def _media_type(content_type: str) -> tuple[str, str]:
    media_type, _, parameters = content_type.partition(";")
    charset = "utf-8"
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"')
    return media_type.strip().lower(), charset


def _decode(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset)
    except (LookupError, ValueError):
        return body.decode("utf-8", errors="replace")


def _text(text: str) -> Block:
    return {"type": "text", "text": text}
