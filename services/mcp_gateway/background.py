"""Background tasks that end with the block that started them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager


@asynccontextmanager
async def in_background(work: Callable[[], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Run a task for as long as the block lasts, and cancel it afterwards."""
    task = asyncio.create_task(work())
    try:
        yield
    finally:
        # Cancel repeatedly: `asyncio.wait_for` of Python 3.11, through which redis-py sends, loses
        # a cancellation that arrives just as it completes.
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.1)
