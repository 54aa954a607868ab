"""Give back what calls hold that were never settled, every few seconds."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import structlog

from mcp_gateway.background import in_background

EVERY = 5.0
"""Seconds between looks."""

log = structlog.get_logger()


def reaping(
    reap: Callable[[], Awaitable[None]],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AbstractAsyncContextManager[None]:
    """Reap in the background for as long as the block lasts."""

    async def repeat() -> None:
        failing = False
        while True:
            try:
                await reap()
                failing = False
            except Exception as problem:  # noqa: BLE001 - Redis may come back after any error
                if not failing:
                    log.warning(
                        "intents_not_read", reason=f"{type(problem).__name__}: {problem}"[:300]
                    )
                failing = True
            await sleep(EVERY)

    return in_background(repeat)
