"""Require that `Mcp-Param-…` headers match the arguments in the body.

2026-07-28 streamable HTTP, Custom Headers: proxies may route by such a header without reading the
body, so it must be reliable.
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
    """Check that each mirrored argument and its header are equal, or both absent.

    Raises:
        RpcError: `-32020` if they are not.
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
                text = f"The header {name} is present, but the argument {argument} is not"
                raise RpcError(HEADER_MISMATCH, text)
        elif given is None:
            raise RpcError(HEADER_MISMATCH, f"The header {name} is missing")
        elif not _agrees(value, written, decode_mirrored(given)):
            raise RpcError(HEADER_MISMATCH, f"The header {name} does not match the body")


def _write(value: object) -> str | None:
    """Write a value as clients write it into a header; None if that is not possible."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    return None


def _agrees(value: object, written: str, decoded: str | None) -> bool:
    if decoded is None or decoded == written:
        return decoded is not None
    # Integers are compared as numbers: 42 and 42.0 are the same argument.
    if isinstance(value, str | bool) or not isinstance(value, int | float):
        return False
    whole = _WHOLE.fullmatch(decoded)
    return whole is not None and value == int(whole[1])
