"""Work that goes on beside the requests, and ends when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager


@asynccontextmanager
async def in_background(work: Callable[[], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Do work for as long as the block lasts."""
    task = asyncio.create_task(work())
    try:
        yield
    finally:
        # More than once: `asyncio.wait_for` of Python 3.11, which redis-py sends through, loses a
        # cancellation that comes at the moment it is done.
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.1)
