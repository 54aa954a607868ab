"""Turn an upstream's answer into content: shaped, cut to a size, and without hidden text."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import orjson

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.bodies import is_json
from mcp_gateway.results.answer import Answer, TooMuch, read_answer
from mcp_gateway.results.charsets import decode_text
from mcp_gateway.results.depth import is_deep
from mcp_gateway.results.edit import Edit
from mcp_gateway.results.exact import write_json
from mcp_gateway.results.fit import LeftOut, fit
from mcp_gateway.results.instructions import InstructionGuard, find_instructions
from mcp_gateway.results.pagination import Pagination
from mcp_gateway.results.parts import split_parts
from mcp_gateway.text import strip_text

MOST_BYTES = 64 << 10
"""The default limit of one answer's text, in bytes."""
_STRUCTURED = 16 << 10
"""Bytes up to which JSON is also sent as structured content."""
_MOST_NOTES = 5
_TEXT = re.compile(
    r"text/.*|.*\+(xml|yaml)"
    r"|application/(x-)?(xml|yaml|www-form-urlencoded|ndjson|jsonl(ines)?|json-lines|json-seq|toml|sql"
    r"|graphql|(java|ecma)script)"
)
"""Types whose bytes are text. As files they would reach the model whole and unguarded."""
_MEDIA_TYPE = re.compile(r"[!#$&^_.+*'|~%`a-z0-9-]+/[!#$&^_.+*'|~%`a-z0-9-]+")
MOST_PARTS = 50
"""Parts of a `multipart/mixed` answer."""
_LEAST_BYTES = 1024

Block = dict[str, Any]
Meta = Mapping[str, Any]

UNTRUSTED: Meta = {"gatepost/untrusted": True}
"""Tells clients that the content is data from the API, not from the server."""


class Unshapeable(Exception):
    """The answer does not have the form that the manifest's shape needs, so it must not be shown."""


@dataclass(frozen=True, slots=True)
class CompiledShape:
    """How to shape one tool's answers, compiled when the manifest is loaded."""

    edit: Edit | None = None
    """Removes and redacts fields, for which the answer must be JSON."""
    pages: Pagination | None = None
    most_bytes: int = MOST_BYTES
    guard: InstructionGuard = "off"
    for_app: bool = False
    """Whether an app or a published schema needs the structured content, whatever the answer's size."""


@dataclass(slots=True)
class ShapedAnswer:
    """Content blocks, structured content if the answer is short JSON, and metadata for clients."""

    content: list[Block] = field(default_factory=list)
    structured: Any = None
    meta: Meta = field(default_factory=lambda: UNTRUSTED)
    instructions: str | None = None
    """A phrase of the answer that reads like an instruction, if the guard looks for it."""


def shape_answer(
    response: HttpResponse,
    shape: CompiledShape = CompiledShape(),
    *,
    name: str,
    given: Mapping[str, Any] = MappingProxyType({}),
    answer: Answer | None = None,
) -> ShapedAnswer:
    """Shape a successful answer.

    Args:
        response: the answer.
        shape: the tool's compiled shape.
        name: the name for a file in the answer.
        given: the call's arguments, by the names that the model uses.
        answer: the body's JSON, if it was read before.

    Raises:
        Unshapeable: the answer does not have the form that the manifest's shape needs.
        TooMuch: the answer has more values or parts than the gateway reads.
    """
    if not response.body:
        return ShapedAnswer([_text(f"Done. The API answered {response.status} without content.")])
    media_type, charset = _media_type(response.content_type)
    if is_json(media_type):
        try:
            if answer is None:
                exact = shape.edit is not None or len(response.body) > shape.most_bytes
                answer = read_answer(response.body, exact=exact)
            return _shape_json(answer, shape, given, response.link)
        except ValueError:
            if shape.edit is not None:
                raise Unshapeable from None
            return _shape_text(decode_text(response.body, charset), len(response.body), shape)
    if shape.edit is not None:
        raise Unshapeable
    if media_type == "multipart/mixed" and (parts := split_parts(response, MOST_PARTS)):
        return _shape_parts(parts, shape, name)
    return _shape_other(response.body, media_type, charset, shape, name)


def is_text(media_type: str) -> bool:
    """Tell whether the bytes of a media type are text."""
    return _TEXT.fullmatch(media_type) is not None


def read_text(response: HttpResponse, most: int) -> str | None:
    """Return an answer's text without hidden characters, of at most so many; None if it is not text."""
    media_type, charset = _media_type(response.content_type)
    if not (is_text(media_type) or is_json(media_type)):
        return None
    return strip_text(decode_text(response.body, charset)[:most])


def _shape_other(
    body: bytes, media_type: str, charset: str, shape: CompiledShape, name: str
) -> ShapedAnswer:
    if is_text(media_type):
        return _shape_text(decode_text(body, charset), len(body), shape)
    return ShapedAnswer([_binary(body, media_type or "application/octet-stream", name)])


def _shape_parts(parts: list[HttpResponse], shape: CompiledShape, name: str) -> ShapedAnswer:
    """Shape the parts of an answer, whose texts share its size; a part has no parts itself."""
    if len(parts) > MOST_PARTS:
        raise TooMuch(f"{MOST_PARTS} parts")
    whole, room = ShapedAnswer(), shape.most_bytes
    for number, part in enumerate(parts):
        if room <= 0:
            said = f"Cut: {number} of {len(parts)} parts are shown. Request less to see all."
            whole.content.append(_text(said))
            break
        within = replace(shape, most_bytes=max(room, _LEAST_BYTES))
        media_type, charset = _media_type(part.content_type)
        if part.body and is_json(media_type):
            shaped = shape_answer(part, within, name=name)
        else:
            place = f"{name}/{number}"
            shaped = _shape_other(part.body, media_type, charset, within, place)
        room -= sum(len(block.get("text", "").encode()) for block in shaped.content)
        whole.content += shaped.content
        whole.instructions = whole.instructions or shaped.instructions
    return whole


def _shape_json(
    answer: Answer, shape: CompiledShape, given: Mapping[str, Any], link: str
) -> ShapedAnswer:
    """Shape JSON, which is passed on as the upstream wrote it unless something must be removed."""
    value, body = answer.value, answer.text
    edit, pages = shape.edit, shape.pages
    following = None if pages is None else pages.find_next(value, given, link)
    if edit is not None:
        value = edit(value)
        body = write_json(value)
    shaped = ShapedAnswer()
    if len(body) > shape.most_bytes:
        body = write_json(value)  # without the API's spaces, it may be short enough
    if len(body) > shape.most_bytes:
        whole = len(body)
        body, left = fit(value, shape.most_bytes, size=whole)
        note, following = _tell_left_out(left, pages, given, following)
        shaped.content = [_text(body.decode()), _text(note)]
        shaped.meta = {**UNTRUSTED, "gatepost/truncated": _describe_cut(whole, len(body), left)}
    else:
        shaped.content = [_text(body.decode())]
    if following is not None and pages is not None:
        shaped.content.append(_text(_tell_next(pages, following)))
    short = len(body) <= _STRUCTURED and "gatepost/truncated" not in shaped.meta
    if (short or shape.for_app) and not is_deep(body, value):
        shaped.structured = _structure(body, value, following)
    shaped.instructions = _look(shaped.content[0]["text"], shape.guard)
    return shaped


def _structure(body: bytes, answer: Any, following: str | int | None) -> orjson.Fragment:
    """Write the structured content, an object with `nextCursor` if there is a next page."""
    is_object = isinstance(answer, dict)
    if following is None or (is_object and "nextCursor" in answer):
        return orjson.Fragment(body if is_object else b'{"result":' + body + b"}")
    more = b'"nextCursor":' + orjson.dumps(following) + b"}"
    if not is_object:
        return orjson.Fragment(b'{"result":' + body + b"," + more)
    return orjson.Fragment(body.rstrip()[:-1] + (b"," if answer else b"") + more)


def _shape_text(text: str, size: int, shape: CompiledShape) -> ShapedAnswer:
    """Shape a text of `size` bytes; the end is dropped before hidden characters are looked for."""
    whole, most = len(text), shape.most_bytes
    text = strip_text(text[:most])
    shaped = ShapedAnswer([_text(text)])
    if whole > most or (len(text) > most // 4 and len(text.encode()) > most):
        kept = text.encode()[:most].decode(errors="ignore")
        kept = kept[: kept.rfind("\n") + 1] or kept
        note = (
            f"Cut: the first {len(kept)} of {whole} characters are shown. Request less to see all."
        )
        shaped.content = [_text(kept), _text(note)]
        left = [LeftOut("", "characters", len(kept), whole)]
        cut = _describe_cut(size, len(kept.encode()), left)
        shaped.meta = {**UNTRUSTED, "gatepost/truncated": cut}
    shaped.instructions = _look(shaped.content[0]["text"], shape.guard)
    return shaped


def _look(text: str, guard: InstructionGuard) -> str | None:
    return None if guard == "off" else find_instructions(text)


def _tell_left_out(
    left: list[LeftOut],
    pages: Pagination | None,
    given: Mapping[str, Any],
    following: str | int | None,
) -> tuple[str, str | int | None]:
    """Describe what was left out and how to get it, and return where the next page starts."""
    told = [
        f"{one.shown} of {one.whole} {one.kind}{f' of {one.place}' if one.place else ''}"
        for one in sorted(left, key=lambda one: one.shown - one.whole)
    ]
    if len(told) > _MOST_NOTES:
        told[_MOST_NOTES:] = ["and more in other fields"]
    note = f"The answer was too long and is cut: it shows {', '.join(told)}."
    listed = _cut_list(left, pages)
    if pages is None or listed is None:
        return f"{note} Request less, or single items, to see the rest.", following
    if pages.kind == "offset" and (resume := pages.after(listed.shown, given)) is not None:
        return note, resume
    if pages.size is None or listed.shown == 0:
        return f"{note} Request less to see the rest.", None
    # The next page would skip the items that were left out of this one.
    return f"{note} To see all, make the same call with {pages.size}={listed.shown}.", None


def _cut_list(left: list[LeftOut], pages: Pagination | None) -> LeftOut | None:
    """Return the entry of the listing itself among the cut parts."""
    lists = [one for one in left if one.kind == "items" and "[]" not in one.place]
    if pages is not None and pages.items is not None:
        return next((one for one in lists if one.place == ".".join(pages.items)), None)
    return lists[0] if len(lists) == 1 else None


def _describe_cut(whole: int, shown: int, left: list[LeftOut]) -> Meta:
    return {
        "originalBytes": whole,
        "shownBytes": shown,
        "leftOut": [
            {"place": one.place, "kind": one.kind, "shown": one.shown, "of": one.whole}
            for one in left[:20]
        ],
    }


def _tell_next(pages: Pagination, following: str | int) -> str:
    return (
        f"nextCursor: {orjson.dumps(following).decode()}\nThere is more: repeat the call with "
        f"{pages.argument} set to this value."
    )


def _binary(body: bytes, media_type: str, name: str) -> Block:
    data = b64encode(body).decode("ascii")
    kind = media_type.partition("/")[0]
    if kind in {"image", "audio"}:
        return {"type": kind, "data": data, "mimeType": media_type}
    resource = {"uri": f"gatepost:{name}", "mimeType": media_type, "blob": data}
    return {"type": "resource", "resource": resource}


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _media_type(content_type: str) -> tuple[str, str]:
    media_type, _, parameters = content_type.partition(";")
    charset = "utf-8"
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"')
    media_type = media_type.strip().lower()
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else "", charset
