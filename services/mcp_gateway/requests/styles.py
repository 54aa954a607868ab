"""Write values in the OpenAPI parameter styles (OpenAPI 3.1.1 §4.8.12.4, RFC 6570).

A value that can't be written and read back unchanged is refused: a nested value in a flat style, an
empty list, `null`, or a delimiter in a style that can't escape it.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

import orjson

from mcp_gateway.requests.operation import Parameter
from mcp_gateway.work.size import count_values

_DEEPEST = 32
LONGEST_URL = 16_384
MOST_PARTS = 2_000
"""Values in one argument that is written into a URL, a header or a form."""
_DELIMITERS = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
# The reserved characters of RFC 3986 that don't end a pair or the query.
_RESERVED_IN_QUERY = ":/?@!$'()*,"
_HEADER_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?")
# Characters that servers read alike, whether or not they percent-decode cookies.
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_.~:/@=!*'()-]*")


class Unwritable(ValueError):
    """A value can't be written exactly at its location; the message says what to give instead."""


def write_scalar(value: Any) -> str:
    """Write a string, number or boolean as text: booleans as `true` and `false`, 5.0 as `5`.

    Raises:
        Unwritable: the value is null, nested, not finite, or not valid Unicode.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unwritable("holds half of a surrogate pair, which is not a character") from None
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 1 << 512:
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        whole = value.is_integer() and abs(value) < 1 << 53
        return str(int(value)) if whole else orjson.dumps(value).decode()
    if isinstance(value, int | float):
        raise Unwritable("is too large a number")
    if value is None:
        raise Unwritable("can't be null here; leave it out instead")
    raise Unwritable("must be a string, number or boolean here, not a nested value")


def write_json(value: Any) -> str:
    """Write a value as one JSON text, ASCII only, so that every location allows it.

    Raises:
        Unwritable: the value contains a number that JSON can't express.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise Unwritable("holds a value that JSON can't express") from None


def require_short(value: Any, most: int = LONGEST_URL) -> int:
    """Refuse a value that takes long to write: more than `most` characters, or too many parts.

    Returns:
        The number of characters, as text or as JSON.

    Raises:
        Unwritable: the message says which limit it exceeds.
    """
    nested = isinstance(value, list | Mapping)
    if nested and count_values(value, MOST_PARTS) > MOST_PARTS:
        raise Unwritable(f"holds more than {MOST_PARTS:,} values, the most that fit here")
    length = len(write_json(value)) if nested else len(value) if isinstance(value, str) else 0
    if length > most:
        raise Unwritable(f"is longer than {most:,} characters, the most that fit here")
    return length


def write_path(parameter: Parameter, value: Any) -> str:
    """Write one path parameter, percent-encoded.

    Raises:
        Unwritable: the parameter's style can't write the value, it is empty, or it contains `/`,
            `\\`, or a `.` or `..` segment, however often they are encoded.
    """
    require_short(value)
    if parameter.slashes and isinstance(value, str):
        return "/".join(_one_segment(_encode(_path_segment(part))) for part in value.split("/"))
    if parameter.content_type is not None:
        return _one_segment(_encode(write_json(value)))
    style, name = parameter.style, _encode(parameter.name)
    lead = {"simple": "", "label": ".", "matrix": ";"}[style]
    between = {"simple": ",", "label": ".", "matrix": ";"}[style] if parameter.explode else ","
    items: list[str]
    if isinstance(value, Mapping):
        members = _members(value)
        if parameter.explode:
            items = [f"{_encode(key)}={_encode(text)}" for key, text in members]
        else:
            items = [_encode(part) for member in members for part in member]
    elif isinstance(value, list):
        items = [_encode(text) for text in _elements(value)]
    else:
        items = [_encode(_path_segment(write_scalar(value)))]
        between = ""
    for item in items:
        _one_segment(item)
    if between == "." and any("." in item for item in items):
        raise Unwritable("can't hold '.' here, where it separates the parts")
    if style == "matrix" and not (parameter.explode and isinstance(value, Mapping)):
        if parameter.explode:
            return "".join(f";{name}={item}" for item in items)
        return f";{name}={between.join(items)}"
    return lead + _path_segment(between.join(items))


def write_query(parameter: Parameter, value: Any) -> list[tuple[str, str]]:
    """Write one query parameter as (name, encoded value) pairs, with names not yet encoded.

    Raises:
        Unwritable: the parameter's style can't write the value.
    """
    require_short(value)
    safe = _RESERVED_IN_QUERY if parameter.allow_reserved else ""
    if parameter.content_type is not None:
        return [(parameter.name, quote(write_json(value), safe=safe))]
    return write_pairs(parameter.name, parameter.style, parameter.explode, value, safe=safe)


def write_pairs(
    name: str, style: str, explode: bool, value: Any, *, safe: str = ""
) -> list[tuple[str, str]]:
    """Write a value in a style of queries and forms as (name, encoded value) pairs.

    Raises:
        Unwritable: the style can't write the value.
    """
    if style == "deepObject":
        if not isinstance(value, Mapping | list):
            raise Unwritable("must be an object here")
        return [(key, quote(text, safe=safe)) for key, text in write_brackets(name, value)]
    if isinstance(value, Mapping):
        members = _members(value)
        if explode:
            return [(key, quote(text, safe=safe)) for key, text in members]
        parts = [part for member in members for part in member]
    elif isinstance(value, list):
        parts = _elements(value)
        if explode:
            return [(name, quote(text, safe=safe)) for text in parts]
    elif style == "form":
        return [(name, quote(write_scalar(value), safe=safe))]
    else:
        raise Unwritable("must be a list here")
    delimiter = _DELIMITERS[style]
    if delimiter != "," and any(delimiter in part for part in parts):
        raise Unwritable(f"can't hold {delimiter!r} here, where it separates the parts")
    # A comma inside a part is encoded even if reserved characters are allowed.
    safe = safe.replace(",", "")
    joint = "," if delimiter == "," else quote(delimiter, safe="")
    return [(name, joint.join(quote(part, safe=safe) for part in parts))]


def write_brackets(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Write a nested value with bracketed names, lists by index: `a[b]`, `items[0][price]`.

    Raises:
        Unwritable: the value has an empty list or object, null, or a key with a bracket.
    """
    if isinstance(value, Mapping):
        pairs: list[tuple[str, Any]] = list(value.items())
    elif isinstance(value, list):
        pairs = [(str(index), item) for index, item in enumerate(value)]
    else:
        yield name, write_scalar(value)
        return
    if not pairs:
        raise Unwritable("can't be empty here; leave it out instead")
    if depth == _DEEPEST:
        raise Unwritable(f"is nested more than {_DEEPEST} levels deep")
    for key, item in pairs:
        if not key or "[" in key or "]" in key:
            raise Unwritable("has a key that is empty or holds a bracket")
        yield from write_brackets(f"{name}[{key}]", item, depth + 1)


def write_header(parameter: Parameter, value: Any) -> str:
    """Write one header value (style `simple`, which does not have escapes).

    Raises:
        Unwritable: the style can't write the value, it has a line break or a non-ASCII character, or
            a part of it has the comma or equals sign that separates parts.
    """
    require_short(value)
    text = write_json(value) if parameter.content_type is not None else _simple(parameter, value)
    if not _HEADER_VALUE.fullmatch(text):
        raise Unwritable(
            "goes into a header, which takes printable ASCII without line breaks or outer spaces"
        )
    return text


def write_cookie(parameter: Parameter, value: Any) -> str:
    """Write one cookie value (style `form`, which does not have escapes here).

    Raises:
        Unwritable: the style can't write the value, or it has a character that servers read
            differently.
    """
    require_short(value)
    if isinstance(value, Mapping | list) and parameter.explode:
        raise Unwritable("must be a single value here")
    text = _simple(parameter, value)
    pieces = text.split(",") if isinstance(value, Mapping | list) else [text]
    if not all(_COOKIE_VALUE.fullmatch(piece) for piece in pieces):
        raise Unwritable("goes into a cookie, which takes only letters, digits and _.~:/@=!*'()-")
    return text


def _simple(parameter: Parameter, value: Any) -> str:
    """Join the parts of a value with commas, without escapes."""
    if isinstance(value, Mapping):
        members = _members(value)
        if any("," in part or "=" in key for key, text in members for part in (key, text)):
            raise Unwritable("can't hold ',' here, nor '=' in a key: they separate the parts")
        if parameter.explode:
            return ",".join(f"{key}={text}" for key, text in members)
        return ",".join(part for member in members for part in member)
    if isinstance(value, list):
        parts = _elements(value)
        if any("," in part or part != part.strip() for part in parts):
            raise Unwritable("can't hold ',' or outer spaces in a part here")
        return ",".join(parts)
    return write_scalar(value)


def _members(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not value:
        raise Unwritable("can't be an empty object here; leave it out instead")
    return [(write_scalar(key), write_scalar(item)) for key, item in value.items()]


def _elements(value: list[Any]) -> list[str]:
    if not value:
        raise Unwritable("can't be an empty list here; leave it out instead")
    return [write_scalar(item) for item in value]


def _path_segment(text: str) -> str:
    """Refuse a value that makes the upstream, or a proxy before it, read another path."""
    if not text:
        raise Unwritable("can't be empty: it is a part of the path")
    if steps_through_directories(text):
        raise Unwritable("can't be '.' or '..', or hold them as path segments")
    return text


def _one_segment(encoded: str) -> str:
    """Refuse a value that a server could split, since many servers route on the decoded path.

    On such a server `get_task` with the id `1/comments` would reach an operation that is not allowed.
    """
    text = encoded
    for _ in range(5):
        if "/" in text or "\\" in text:
            raise Unwritable("can't hold '/' or '\\': it is one part of the path")
        text, before = unquote(text), text
        if text == before:
            break
    return encoded


def steps_through_directories(path: str) -> bool:
    """Tell whether any segment is `.` or `..`, plain or percent-encoded up to four times.

    Any text that is encoded more often counts too, since legitimate values never are.
    """
    for _ in range(5):
        if any(segment in {".", ".."} for segment in re.split(r"[/\\]", path)):
            return True
        path, encoded = unquote(path), path
        if path == encoded:
            return False
    return True


def _encode(text: str) -> str:
    return quote(text, safe="")
