"""Write one tool call as the exact HTTP request the upstream's OpenAPI document asks for.

The styles are in `styles`, the bodies in `bodies`; here they become one request. What can't be
written so that the upstream reads back the same value is refused, never approximated.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from mcp_gateway.tools.operation import Operation, Parameter
from mcp_gateway.upstream.bodies import UnwritableProperty, is_json, refuse_shadowing, write_body
from mcp_gateway.upstream.request import UpstreamRequest
from mcp_gateway.upstream.styles import (
    Unwritable,
    steps_through_directories,
    write_cookie,
    write_header,
    write_path,
    write_query,
)

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_LONGEST_URL = 16_384
# What a URL may hold as it is: the literal parts of a path template are already written for it.
_URL_CHARACTERS = ":/?@!$&'()*+,;=~%[]"


class UnserialisableArgument(Exception):
    """An argument's value has no exact form in its place; the message is for the caller."""

    def __init__(self, argument: str, message: str) -> None:
        """Name the argument and say what to give instead."""
        super().__init__(f"{argument}: {message}")
        self.argument = argument
        self.message = message


def serialise(operation: Operation, base_url: str, values: Mapping[str, Any]) -> UpstreamRequest:
    """Write the request for an operation below `base_url`, whose path prefix is kept.

    Args:
        operation: where each argument goes.
        base_url: scheme, host and optional path prefix of the upstream; an operation that has a
            server of its own goes there instead.
        values: by argument key, claim-bound ones included, already valid against the schema.

    Raises:
        UnserialisableArgument: a value can't be written exactly, a required one is missing, or
            one is given that the operation doesn't have.
    """
    for argument in values.keys() - operation.arguments:
        raise UnserialisableArgument(argument, "is not an argument of this operation")
    if operation.renamed:
        values = {key: _restore(operation.renamed, value) for key, value in values.items()}
    url = _write_url(operation, operation.base_url or base_url, values)
    headers: list[tuple[str, str]] = [("Accept", _accept(operation))]
    cookies: list[str] = []
    for parameter, value in _given(operation, values, "header", "cookie"):
        try:
            if parameter.location == "header":
                headers.append((parameter.name, write_header(parameter, value)))
            else:
                cookies.append(f"{parameter.name}={write_cookie(parameter, value)}")
        except Unwritable as problem:
            raise UnserialisableArgument(parameter.argument, str(problem)) from None
    if cookies:
        headers.append(("Cookie", "; ".join(cookies)))
    try:
        written = None if operation.body is None else write_body(operation.body, values)
    except UnwritableProperty as problem:
        raise UnserialisableArgument(problem.argument, str(problem)) from None
    if written is not None:
        headers.append(("Content-Type", written[0]))
    elif operation.body is not None and operation.body.required:
        raise UnserialisableArgument(operation.body.whole or "", "is required")
    return UpstreamRequest(
        method=operation.method,
        url=url,
        headers=tuple(headers),
        body=b"" if written is None else written[1],
    )


def _restore(renamed: Mapping[str, str], value: Any) -> Any:
    """Give the keys inside a value the names that the upstream has for them."""
    if isinstance(value, Mapping):
        return {renamed.get(k, k): _restore(renamed, item) for k, item in value.items()}
    return [_restore(renamed, item) for item in value] if isinstance(value, list) else value


def _given(
    operation: Operation, values: Mapping[str, Any], *locations: str
) -> list[tuple[Parameter, Any]]:
    """List the parameters of some locations with their values; a required one must have one."""
    given = []
    for parameter in operation.parameters:
        if parameter.location in locations:
            if parameter.argument in values:
                given.append((parameter, values[parameter.argument]))
            elif parameter.required:
                raise UnserialisableArgument(parameter.argument, "is required")
    return given


def _write_url(operation: Operation, base_url: str, values: Mapping[str, Any]) -> str:
    texts: dict[str, str] = {}
    for parameter, value in _given(operation, values, "path"):
        try:
            texts[parameter.name] = write_path(parameter, value)
        except Unwritable as problem:
            raise UnserialisableArgument(parameter.argument, str(problem)) from None
    template, _, literal_query = operation.path.partition("?")
    # One pass over the template, so that a value never fills another placeholder.
    pieces = PLACEHOLDER.split(template)
    pieces[0::2] = [quote(piece, safe=_URL_CHARACTERS) for piece in pieces[0::2]]
    pieces[1::2] = [texts[name] for name in pieces[1::2]]
    path = "".join(pieces)
    if steps_through_directories(path):
        in_path = next((p.argument for p in operation.parameters if p.location == "path"), "")
        raise UnserialisableArgument(in_path, "makes '.' or '..' a part of the path")
    query = [quote(literal_query, safe=_URL_CHARACTERS)] if literal_query else []
    names = {p.name for p in operation.parameters if p.location == "query"}
    names |= {name for name, _ in parse_qsl(literal_query, keep_blank_values=True)}
    for parameter, value in _given(operation, values, "query"):
        try:
            pairs = write_query(parameter, value)
            refuse_shadowing(parameter.name, pairs, names)
        except Unwritable as problem:
            raise UnserialisableArgument(parameter.argument, str(problem)) from None
        query += [f"{quote(name, safe='')}={text}" for name, text in pairs]
    url = base_url.rstrip("/") + path + ("?" + "&".join(query) if query else "")
    if len(url) > _LONGEST_URL:
        raise UnserialisableArgument("", f"makes a URL longer than {_LONGEST_URL} characters")
    return url


def _accept(operation: Operation) -> str:
    """Ask for what the document declares for success, JSON first, and take anything else too."""
    declared = [
        content_type
        for status, content_types in operation.responses.items()
        if status.startswith("2")
        for content_type in content_types
        if content_type != "*/*"
    ]
    ordered = sorted(dict.fromkeys(declared), key=lambda kind: not is_json(kind))
    return ", ".join([*(ordered or ["application/json"]), "*/*;q=0.1"])
