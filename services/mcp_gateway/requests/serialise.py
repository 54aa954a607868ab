"""Write one tool call as the exact HTTP request that the upstream's OpenAPI document defines.

`styles` writes parameters and `bodies` writes bodies; this module combines them. A value that the
upstream would not read back unchanged is refused, never approximated.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from mcp_gateway.requests.bodies import UnwritableProperty, is_json, refuse_shadowing, write_body
from mcp_gateway.requests.operation import Operation, Parameter
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.requests.styles import (
    LONGEST_URL,
    Unwritable,
    steps_through_directories,
    write_cookie,
    write_header,
    write_path,
    write_query,
)

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
# Characters of a path template's literal parts that are not encoded again.
_URL_CHARACTERS = ":/?@!$&'()*+,;=~%[]"
# The unreserved characters of RFC 3986 §2.3, without the dot of `.` and `..` segments.
_UNRESERVED = re.compile(r"[A-Za-z0-9_~-]+").fullmatch


class UnserialisableArgument(Exception):
    """An argument's value can't be written exactly; the message is for the caller."""

    def __init__(self, argument: str, message: str) -> None:
        """Take the argument, and a message that says what to give instead."""
        super().__init__(f"{argument}: {message}")
        self.argument = argument
        self.message = message


class RequestWriter:
    """Writes requests of one operation, and computes the parts that they share only once."""

    __slots__ = (
        "_arguments",
        "_base",
        "_cookies",
        "_headers",
        "_literal_query",
        "_literals_step",
        "_path",
        "_query",
        "_query_names",
        "_start",
        "_starting_headers",
        "operation",
    )

    def __init__(self, operation: Operation, base_url: str) -> None:
        """Take the operation and its base URL, as for `serialise`."""
        self.operation = operation
        self._arguments = operation.arguments
        self._base = (operation.base_url or base_url).rstrip("/")
        template, _, literal_query = operation.path.partition("?")
        pieces = PLACEHOLDER.split(template)
        literals = [quote(piece, safe=_URL_CHARACTERS) for piece in pieces[0::2]]
        named = {p.name: p for p in operation.parameters if p.location == "path"}
        self._start = literals[0]
        self._path = tuple(
            (named[name], literal) for name, literal in zip(pieces[1::2], literals[1:], strict=True)
        )
        # Only these characters can turn a literal and a value into a '.' or '..' segment.
        self._literals_step = any(mark in text for text in literals for mark in ".%\\")
        self._literal_query = quote(literal_query, safe=_URL_CHARACTERS)
        self._query = tuple(
            (p, f"{quote(p.name, safe='')}=") for p in operation.parameters if p.location == "query"
        )
        self._query_names = {p.name for p, _ in self._query} | {
            name for name, _ in parse_qsl(literal_query, keep_blank_values=True)
        }
        self._headers = tuple(p for p in operation.parameters if p.location == "header")
        self._cookies = tuple(p for p in operation.parameters if p.location == "cookie")
        self._starting_headers = (("Accept", _accept(operation)),)

    def write(self, values: Mapping[str, Any]) -> HttpRequest:
        """Write the request for these values, as `serialise` does."""
        operation = self.operation
        if not values.keys() <= self._arguments:
            extra = min(values.keys() - self._arguments)
            raise UnserialisableArgument(extra, "is not an argument of this operation")
        if operation.renamed:
            values = {key: _restore(operation.renamed, value) for key, value in values.items()}
        url = self._write_url(values)
        headers: tuple[tuple[str, str], ...] = self._starting_headers
        if self._headers or self._cookies:
            headers += self._write_headers(values)
        if operation.body is None:
            return HttpRequest(operation.method, url, headers, b"")
        try:
            written = write_body(operation.body, values)
        except UnwritableProperty as problem:
            raise UnserialisableArgument(problem.argument, str(problem)) from None
        if written is not None:
            content_type, content = written
            headers = (*headers, ("Content-Type", content_type))
            return HttpRequest(operation.method, url, headers, content)
        if operation.body.required:
            raise UnserialisableArgument(operation.body.whole or "", "is required")
        return HttpRequest(operation.method, url, headers, b"")

    def _write_url(self, values: Mapping[str, Any]) -> str:
        path, steps = self._start, self._literals_step
        # A single pass over the template, so that a value can't contain a placeholder.
        for parameter, literal in self._path:
            _require_short_url(len(path))
            if parameter.argument not in values:
                raise UnserialisableArgument(parameter.argument, "is required")
            value = values[parameter.argument]
            if _writes_itself(value, parameter, "simple"):
                path += value + literal
                continue
            steps = True
            try:
                path += write_path(parameter, value) + literal
            except Unwritable as problem:
                raise UnserialisableArgument(parameter.argument, str(problem)) from None
        _require_short_url(len(path))
        if steps and steps_through_directories(path):
            in_path = self._path[0][0].argument if self._path else ""
            raise UnserialisableArgument(in_path, "would make '.' or '..' a part of the path")
        query = [self._literal_query] if self._literal_query else []
        length = len(path)
        for parameter, start in self._query:
            if parameter.argument not in values:
                if parameter.required:
                    raise UnserialisableArgument(parameter.argument, "is required")
                continue
            value = values[parameter.argument]
            if _writes_itself(value, parameter, "form"):
                query.append(start + value)
                continue
            try:
                pairs = write_query(parameter, value)
                refuse_shadowing(parameter.name, pairs, self._query_names)
            except Unwritable as problem:
                raise UnserialisableArgument(parameter.argument, str(problem)) from None
            query += [f"{quote(name, safe='')}={text}" for name, text in pairs]
            length += sum(len(text) for _, text in pairs)
            _require_short_url(length)
        url = f"{self._base}{path}?{'&'.join(query)}" if query else self._base + path
        _require_short_url(len(url))
        return url

    def _write_headers(self, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        headers: list[tuple[str, str]] = []
        cookies: list[str] = []
        for parameter in (*self._headers, *self._cookies):
            if parameter.argument not in values:
                if parameter.required:
                    raise UnserialisableArgument(parameter.argument, "is required")
                continue
            value = values[parameter.argument]
            try:
                if parameter.location == "header":
                    headers.append((parameter.name, write_header(parameter, value)))
                else:
                    cookies.append(f"{parameter.name}={write_cookie(parameter, value)}")
            except Unwritable as problem:
                raise UnserialisableArgument(parameter.argument, str(problem)) from None
        if cookies:
            headers.append(("Cookie", "; ".join(cookies)))
        return tuple(headers)


class RequestWriters:
    """The writers of the operations, each made at its first call."""

    def __init__(self, base_url: str) -> None:
        """Take the base URL of the operations that don't have their own server."""
        self._base_url = base_url
        self._writers: dict[str, RequestWriter] = {}

    def write(self, tool: str, operation: Operation, values: Mapping[str, Any]) -> HttpRequest:
        """Write the request of a tool's operation, as `serialise` does."""
        writer = self._writers.get(tool)
        # A reloaded catalogue may have another operation under this name.
        if writer is None or writer.operation is not operation:
            writer = self._writers[tool] = RequestWriter(operation, self._base_url)
        return writer.write(values)


def serialise(operation: Operation, base_url: str, values: Mapping[str, Any]) -> HttpRequest:
    """Write the request for an operation below `base_url`, whose path prefix is kept.

    Args:
        operation: the operation, with the destination of each argument.
        base_url: scheme, host and optional path prefix of the upstream; a server of the operation's
            own overrides it.
        values: the values by argument key, including claim-bound ones, already validated.

    Raises:
        UnserialisableArgument: a value can't be written exactly, a required one is missing, or the
            operation doesn't have the argument.
    """
    return RequestWriter(operation, base_url).write(values)


def _require_short_url(length: int) -> None:
    """Refuse a URL as soon as it is too long, before the rest of it is written."""
    if length > LONGEST_URL:
        raise UnserialisableArgument("", f"would make the URL longer than {LONGEST_URL} characters")


def _writes_itself(value: Any, parameter: Parameter, style: str) -> bool:
    """Tell whether a value is text that is written unchanged and read alike by every server."""
    return (
        value.__class__ is str
        and parameter.style == style
        and parameter.content_type is None
        and _UNRESERVED(value) is not None
    )


def _restore(renamed: Mapping[str, str], value: Any) -> Any:
    """Rename the keys inside a value to the upstream's own names."""
    if isinstance(value, Mapping):
        return {renamed.get(k, k): _restore(renamed, item) for k, item in value.items()}
    return [_restore(renamed, item) for item in value] if isinstance(value, list) else value


def _accept(operation: Operation) -> str:
    """Return an `Accept` header with the declared types of success, JSON first, then any type."""
    declared = [
        content_type
        for status, content_types in operation.responses.items()
        if status.startswith("2")
        for content_type in content_types
        if content_type != "*/*"
    ]
    ordered = sorted(dict.fromkeys(declared), key=lambda kind: not is_json(kind))
    return ", ".join([*(ordered or ["application/json"]), "*/*;q=0.1"])
