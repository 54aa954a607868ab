"""Write request bodies: JSON, URL-encoded forms, multipart, plain text and bytes.

Sources: OpenAPI 3.1.1 §4.8.14 (Media Type) and §4.8.15 (Encoding), RFC 7578 (multipart), the URL
standard's `application/x-www-form-urlencoded`. If the document doesn't define the encoding of a nested
form value, it is written with brackets (`a[b]=1`, `items[0][price]=2`), as most servers expect.
"""

import base64
import binascii
import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

import orjson

from mcp_gateway.requests.operation import Body, Encoding
from mcp_gateway.requests.styles import (
    Unwritable,
    require_short,
    write_json,
    write_pairs,
    write_scalar,
)

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_PLAIN = Encoding()
_MOST_DECODED = 3
LONGEST_FORM = 1 << 16
"""Characters of the values in one URL-encoded form, each of which may become 12 bytes."""


class UnwritableProperty(Unwritable):
    """A value in the body can't be written exactly; `argument` names the one to change."""

    def __init__(self, argument: str, message: str) -> None:
        """Take the argument, and a message that says what to give instead."""
        super().__init__(message)
        self.argument = argument


def essence(content_type: str) -> str:
    """Reduce a media type to `type/subtype`, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    """Tell whether a media type is JSON or ends in `+json`."""
    kind = essence(content_type)
    return kind in {"application/json", "text/json"} or kind.endswith("+json")


def write_body(body: Body, values: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """Write the body as (content type, bytes); return None for an optional body without values.

    Raises:
        UnwritableProperty: an argument can't be written in this media type.
    """
    if body.whole is not None:
        if body.whole not in values:
            return None
        return _write_whole(body, body.whole, values[body.whole])
    given = {argument: values[argument] for argument in body.properties if argument in values}
    if body.extra is not None and body.extra in values:
        names = dict(body.properties)
        for name, value in _beside(body, values[body.extra]):
            # Argument keys don't contain spaces, so this key can't collide with one.
            key = f"{body.extra} {name}"
            given[key], names[key] = value, name
        body = replace(body, properties=names)
    if not given and not body.required:
        return None
    kind = essence(body.content_type)
    if kind == FORM:
        return body.content_type, _write_form(body, given)
    if kind == MULTIPART:
        return _write_multipart(body, given)
    document = {body.properties[argument]: value for argument, value in given.items()}
    return body.content_type, _dump(document, next(iter(given), ""))


def _beside(body: Body, value: Any) -> list[tuple[str, Any]]:
    """Return the properties in addition to the named ones, which they must not replace."""
    extra = body.extra or ""
    if not isinstance(value, Mapping):
        raise UnwritableProperty(extra, "must be an object")
    named = {_fold_declared(name) for name in body.properties.values()}
    for name in value:
        if not named.isdisjoint(_read_as(name)):
            raise UnwritableProperty(
                extra, f"can't hold {name[:80]!r}, which is a separate argument"
            )
    return list(value.items())


def read_file(text: Any) -> tuple[bytes, str | None, str | None]:
    """Decode a file argument: base64 text, or a base64 `data:` URI with a type and a name.

    Returns:
        The bytes, then the media type and the file name if a `data:` URI gives them.

    Raises:
        Unwritable: the text is neither.
    """
    if not isinstance(text, str):
        raise Unwritable("must be the file's content as base64 text")
    media_type = name = None
    if text[:5].lower() == "data:":
        head, comma, text = text[5:].partition(",")
        first, *parameters = head.split(";")
        if not comma or not parameters or parameters.pop().strip().lower() != "base64":
            raise Unwritable("must be base64: data:<type>;base64,<content>")
        media_type = first.strip() or None
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() in {"name", "filename"}:
                name = unquote_to_bytes(value).decode("utf-8", "replace")
    if media_type is not None and not _is_media_type(media_type):
        raise Unwritable("has a malformed media type in its data: URI")
    try:
        return base64.b64decode("".join(text.split()), validate=True), media_type, name
    except (binascii.Error, ValueError):
        raise Unwritable("is not valid base64; encode the file's bytes as base64 text") from None


def _write_whole(body: Body, argument: str, value: Any) -> tuple[str, bytes]:
    try:
        if argument in body.files:
            content, media_type, _ = read_file(value)
            declared = body.content_type
            # The document allows any type, so the caller's type is the best information.
            return (media_type or declared if declared == "*/*" else declared), content
        if is_json(body.content_type):
            return body.content_type, _dump(value, argument)
        text = write_scalar(value)
    except Unwritable as problem:
        raise UnwritableProperty(argument, str(problem)) from None
    charset = "" if "charset" in body.content_type.lower() else "; charset=utf-8"
    return body.content_type + charset, text.encode()


def _dump(value: Any, argument: str) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        pass  # The standard library can write numbers beyond 64 bits and deeper nesting.
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        raise UnwritableProperty(argument, "holds a value that JSON can't express") from None


def _write_form(body: Body, given: Mapping[str, Any]) -> bytes:
    pairs: list[tuple[str, str]] = []
    own_names = set(body.properties.values())
    length = 0
    for argument, value in given.items():
        name = body.properties[argument]
        try:
            length += require_short(value, LONGEST_FORM)
            if length > LONGEST_FORM:
                raise Unwritable(f"makes the form longer than {LONGEST_FORM:,} characters")
            written = _form_pairs(name, body.encodings.get(argument, _PLAIN), value)
            refuse_shadowing(name, written, own_names)
        except Unwritable as problem:
            raise UnwritableProperty(argument, str(problem)) from None
        pairs += written
    return "&".join(f"{quote(name, safe='')}={value}" for name, value in pairs).encode()


def _form_pairs(name: str, encoding: Encoding, value: Any) -> list[tuple[str, str]]:
    if encoding.style is not None:
        return write_pairs(name, encoding.style, encoding.explode, value)
    if encoding.content_type is not None and is_json(encoding.content_type):
        return [(name, quote(write_json(value), safe=""))]
    nested = isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value)
    )
    return write_pairs(name, "deepObject" if nested else "form", True, value)


def refuse_shadowing(name: str, written: list[tuple[str, str]], declared: set[str]) -> None:
    """Refuse keys of an object that a server would read as another declared parameter.

    An object that is written without its own name adds its keys to the other parameters, some of
    which the gateway fills. Its keys must not override those.

    Raises:
        Unwritable: a key is another parameter; the message names it.
    """
    free = [key for key, _ in written if key != name]
    if not free:
        return
    own = _fold_declared(name)
    others = {_fold_declared(other) for other in declared if other != name} - {own}
    for key in free:
        if key in declared or not others.isdisjoint(_read_as(key)):
            raise Unwritable(f"can't hold the key {key[:80]!r}, which is a separate argument")


def _read_as(key: str) -> set[str]:
    """Return the names, as `_fold` writes them, that some server reads a key as."""
    return {_fold(key), _fold(key.partition("\0")[0])} if "\0" in key else {_fold(key)}


def _fold(name: str) -> str:
    """Reduce a name to what tells it apart for every server: letters and digits, in one case.

    Servers cut a name at a bracket, drop or replace spaces, dots and other marks, ignore case, or
    decode a name twice; PHP does all but the last two.
    """
    for _ in range(_MOST_DECODED):
        name, before = unquote(name), name
        if name == before:
            break
    name = name.lstrip()
    base = name[:1] + name[1:].partition("[")[0]
    folded = "".join(c for c in unicodedata.normalize("NFKD", base).casefold() if c.isalnum())
    return folded or base


_fold_declared = lru_cache(4096)(_fold)
"""The same for names of documents, which recur."""


def _write_multipart(body: Body, given: Mapping[str, Any]) -> tuple[str, bytes]:
    parts: list[tuple[bytes, bytes]] = []
    for argument, value in given.items():
        try:
            parts += _parts(body, argument, value)
        except Unwritable as problem:
            raise UnwritableProperty(argument, str(problem)) from None
    # Derived from the content, so that equal calls make equal requests, and long enough not to occur
    # in it.
    digest = hashlib.sha256(b"\0".join(piece for part in parts for piece in part)).hexdigest()
    boundary = f"gatepost-{digest[:40]}"
    lines = [b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), *part) for part in parts]
    return f"{MULTIPART}; boundary={boundary}", b"".join(lines) + f"--{boundary}--\r\n".encode()


def _parts(body: Body, argument: str, value: Any) -> Iterator[tuple[bytes, bytes]]:
    """Write one property as (header lines, content) parts; a list has one part for each item."""
    if isinstance(value, list) and not value:
        raise Unwritable("can't be an empty list here; leave it out instead")
    name = body.properties[argument]
    declared = body.encodings.get(argument, _PLAIN).content_type
    if declared is not None and is_json(declared) and argument not in body.files:
        yield _part(name, write_json(value).encode(), declared)
        return
    encoding = body.encodings.get(argument, _PLAIN)
    if isinstance(value, list | Mapping) and argument not in body.files:
        require_short(value, LONGEST_FORM)
    if encoding.style is not None and isinstance(value, Mapping | list):
        pairs = write_pairs(name, encoding.style, encoding.explode, value)
        refuse_shadowing(name, pairs, set(body.properties.values()))
        for part, text in pairs:
            # A part is not encoded, so a comma in a value can't be told from a separator.
            if not encoding.explode and "%2C" in text:
                raise Unwritable("can't hold ',' here, where it separates the parts")
            yield _part(part, unquote_to_bytes(text), None)
        return
    for item in value if isinstance(value, list) else [value]:
        if argument in body.files:
            content, media_type, filename = read_file(item)
            kind = media_type or (declared if _is_media_type(declared or "") else None)
            yield _part(name, content, kind or "application/octet-stream", filename or name)
        elif isinstance(item, Mapping | list):
            yield _part(name, write_json(item).encode(), "application/json")
        else:
            yield _part(name, write_scalar(item).encode(), declared)


def _part(
    name: str, content: bytes, content_type: str | None, filename: str | None = None
) -> tuple[bytes, bytes]:
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        head += f'; filename="{_quoted(filename)}"'
    if content_type is not None:
        head += f"\r\nContent-Type: {content_type}"
    return head.encode(), content


def _quoted(text: str) -> str:
    """Escape as browsers do (HTML standard, multipart/form-data encoding algorithm)."""
    escaped = text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    return "".join(character for character in escaped if character.isprintable())


def _is_media_type(text: str) -> bool:
    """Tell whether a text is one concrete `type/subtype` that is safe in a header."""
    major, slash, minor = text.partition("/")
    legal = all(c.isascii() and (c.isalnum() or c in "!#$&^_.+-") for c in major + minor)
    return bool(slash and major and minor and legal)
