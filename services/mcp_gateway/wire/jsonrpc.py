"""JSON-RPC 2.0 as MCP uses it: read requests, write replies, and map errors to HTTP statuses."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from mcp_types.jsonrpc import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
)

# Only up to 2025-11-25 (resources, Error Handling); later revisions use -32602.
RESOURCE_NOT_FOUND = -32002
# The gateway's own codes, outside every range that the protocol reserves (2026-07-28 basic, Error
# Codes).
SCOPE_MISSING = 403
SESSION_UNKNOWN = 404
RATE_LIMITED = 429
UPSTREAM_FAILED = 502
ANSWER_NOT_TAKEN = 503

HeaderLines = Sequence[tuple[bytes, bytes]]

STATUS: Mapping[int, tuple[int, int]] = MappingProxyType(
    {  # code: (handshake era, modern era)
        PARSE_ERROR: (400, 400),
        INVALID_REQUEST: (400, 400),
        METHOD_NOT_FOUND: (200, 404),
        INVALID_PARAMS: (200, 400),
        HEADER_MISMATCH: (400, 400),
        MISSING_REQUIRED_CLIENT_CAPABILITY: (200, 400),
        UNSUPPORTED_PROTOCOL_VERSION: (400, 400),
        RESOURCE_NOT_FOUND: (200, 400),
        SCOPE_MISSING: (403, 403),
        SESSION_UNKNOWN: (404, 404),
        RATE_LIMITED: (200, 429),
        UPSTREAM_FAILED: (200, 200),
        INTERNAL_ERROR: (200, 200),
    }
)
"""The HTTP status of each error, in each era."""


class RpcError(Exception):
    """A JSON-RPC error; the message is for the client."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        """Take the JSON-RPC error's members."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class Reply(NamedTuple):
    """An HTTP answer; a body is always JSON."""

    status: int
    body: bytes = b""
    headers: HeaderLines = ()
    error: str = ""
    """The code of a JSON-RPC error, for the metrics."""


def read_id(message: Mapping[str, Any]) -> bytes:
    """Return a request's id as JSON; `null` if it can't be echoed."""
    given = message.get("id")
    if isinstance(given, str) or (isinstance(given, int) and not isinstance(given, bool)):
        return orjson.dumps(given)
    return b"null"


def read_request(message: Mapping[str, Any], request_id: bytes) -> tuple[str, Mapping[str, Any]]:
    """Return method and params; absent params are empty, and a member that is null is absent.

    Raises:
        RpcError: `-32600` if this is not a request, `-32602` if params is not an object.
    """
    method = message.get("method")
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str) or request_id == b"null":
        raise RpcError(
            INVALID_REQUEST,
            'A request must have "jsonrpc": "2.0", an id that is a string or an integer, '
            "and a method",
        )
    params = message.get("params")
    if params is None:
        return method, {}
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "params must be an object")
    if None in params.values():
        params = {name: value for name, value in params.items() if value is not None}
    return method, params


def write_result(request_id: bytes, result: bytes) -> bytes:
    """Write the response to one request."""
    return b'{"jsonrpc":"2.0","id":' + request_id + b',"result":' + result + b"}"


def write_error(request_id: bytes, error: RpcError) -> bytes:
    """Write the error response to one request."""
    members: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        members["data"] = error.data
    return b'{"jsonrpc":"2.0","id":' + request_id + b',"error":' + orjson.dumps(members) + b"}"


def reply_error(request_id: bytes, error: RpcError, *, modern: bool) -> Reply:
    """Answer one request with an error, with the HTTP status of its era."""
    body = write_error(request_id, error)
    return Reply(STATUS[error.code][modern], body, error=str(error.code))
