"""Stop working for a client that has gone away."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from mcp_gateway.front.exchange import Disconnected, Receive

_T = TypeVar("_T")
_PATIENCE = 0.05
"""Seconds before anyone looks: most calls are over by then and never pay for the watch."""


async def stop_when_gone(work: Coroutine[Any, Any, _T], receive: Receive) -> _T:
    """Run the work, cancelling it once the client disconnects; the body must have been read.

    Raises:
        Disconnected: the client went away.
    """
    loop = asyncio.get_running_loop()
    running = asyncio.current_task()
    watches: list[asyncio.Task[None]] = []
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        if running is not None:
            running.cancel()

    timer = loop.call_later(_PATIENCE, lambda: watches.append(loop.create_task(watch())))
    try:
        return await work
    except asyncio.CancelledError:
        if not gone or running is None:
            raise
        running.uncancel()
        raise Disconnected from None
    finally:
        timer.cancel()
        for task in watches:
            task.cancel()
