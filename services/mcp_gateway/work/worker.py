"""Work on long answers in a thread, so that the event loop goes on meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

LONG = 1 << 17
"""Bytes of an answer from which it is read, checked and shaped in the thread."""
MANY = 10_000
"""Commas, lists and objects from which a shorter answer is too, because each of them costs time."""

_T = TypeVar("_T")


def takes_long(body: bytes) -> bool:
    """Tell whether an answer is read in the thread."""
    return len(body) > LONG or (
        len(body) > MANY and sum(map(body.count, (b",", b"[", b"{"))) >= MANY
    )


class Worker:
    """One thread, which takes one answer after another.

    Each call that waits for it holds its place at the upstream, so their number is limited. A single
    step there may hold the interpreter for some milliseconds, as a single step of the loop may.
    """

    def __init__(self) -> None:
        """Start no thread before the first long answer."""
        self._pool = ThreadPoolExecutor(1, "gatepost-answers")

    async def __aenter__(self) -> Self:
        """Return the worker."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Drop what has not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def run(self, work: Callable[[], _T]) -> _T:
        """Run some work in the thread, after what waits already."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
