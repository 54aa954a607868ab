"""Arguments that a client repeats as `Mcp-Param-…` headers must agree with the body.

2026-07-28 streamable HTTP, Custom Headers: whoever routes by such a header, without looking into
the body, must be able to rely on it.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from mcp_types.jsonrpc import HEADER_MISMATCH

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.wire.headers import Headers, decode_mirrored
from mcp_gateway.wire.jsonrpc import RpcError

_WHOLE = re.compile(r"(-?[0-9]{1,4000})(\.0+)?")


def require_param_headers(tool: Tool, arguments: Mapping[str, Any], headers: Headers) -> None:
    """Compare each mirrored argument with its header: both there and equal, or neither.

    Raises:
        RpcError: `-32020`.
    """
    for argument, token in tool.mirror.items():
        name = f"Mcp-Param-{token}"
        key = name.lower().encode()
        given = headers.get(key)
        if key in headers.repeated:
            raise RpcError(HEADER_MISMATCH, f"The header {name} appears more than once")
        value = arguments.get(argument)
        written = _write(value)
        if written is None:
            if given is not None:
                text = f"The header {name} is there, but not the argument {argument}"
                raise RpcError(HEADER_MISMATCH, text)
        elif given is None:
            raise RpcError(HEADER_MISMATCH, f"The header {name} is missing")
        elif not _agrees(value, written, decode_mirrored(given)):
            raise RpcError(HEADER_MISMATCH, f"The header {name} does not match the body")


def _write(value: object) -> str | None:
    """Write a value as a client writes it into a header; None where no client can."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    return None


def _agrees(value: object, written: str, decoded: str | None) -> bool:
    if decoded is None or decoded == written:
        return decoded is not None
    # Whole numbers agree as numbers: 42 and 42.0 are the same argument.
    if isinstance(value, str | bool) or not isinstance(value, int | float):
        return False
    whole = _WHOLE.fullmatch(decoded)
    return whole is not None and value == int(whole[1])
