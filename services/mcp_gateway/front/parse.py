"""Parse the body as JSON."""

import asyncio
from typing import Any

import orjson
from mcp_types.jsonrpc import PARSE_ERROR

from mcp_gateway.front.exchange import Exchange, Refused
from mcp_gateway.wire.jsonrpc import RpcError, reply_error
from mcp_gateway.work.exact_numbers import find_inexact, may_be_inexact
from mcp_gateway.work.size import MOST_CONTAINERS, holds_more

_LONG = 1 << 16
MOST_DEPTH = 200
"""Levels of arrays and objects in a message."""
_WRITABLE = 254
"""Levels that orjson can write; it reads more. The difference leaves room for the JSON that the
gateway writes around parts of a message."""


async def parse(exchange: Exchange) -> Exchange:
    """Parse strict UTF-8 JSON, and make sure that orjson can write it again.

    Raises:
        Refused: 400 with JSON-RPC error -32700.
    """
    body = exchange.body
    # Counting brackets costs almost nothing and rules out nearly all bodies.
    nested = body.count(b"[") + body.count(b"{")
    if nested > MOST_CONTAINERS and holds_more(body, (b"[", b"{"), MOST_CONTAINERS):
        raise _refuse(f"The body holds more than {MOST_CONTAINERS:,} lists and objects")
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _refuse("The body is not JSON, or is nested too deeply") from None
    if nested > MOST_DEPTH and _is_deep(message):
        raise _refuse(f"The body is nested deeper than {MOST_DEPTH} levels")
    if may_be_inexact(body):
        # A thread looks through a long body, so that other calls do not wait.
        number = (
            find_inexact(body)
            if len(body) <= _LONG
            else await asyncio.to_thread(find_inexact, body)
        )
        if number is not None:
            raise _refuse(
                f"The number {number} has more digits than can be passed on exactly; give it as "
                "text if the tool takes text, else with fewer digits"
            )
    if len(body) > _LONG:
        await asyncio.sleep(0)  # the call takes a turn of the event loop of its own
    return exchange.with_message(message)


def _is_deep(message: Any) -> bool:
    for _ in range(_WRITABLE - MOST_DEPTH):
        message = [message]
    try:
        orjson.dumps(message)
    except orjson.JSONEncodeError:
        return True
    return False


def _refuse(said: str) -> Refused:
    problem = RpcError(PARSE_ERROR, said)
    return Refused("parse_error", reply_error(b"null", problem, modern=True))
