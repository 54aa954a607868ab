"""How long the steps of the event loop take, for tests of work that must be bounded."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Steps:
    """The longest step so far, in seconds of CPU of the loop's thread."""

    longest: float = 0.0

    @property
    def bounded(self) -> bool:
        """Whether no step took twenty times as long as the gateway allows itself.

        Unbounded work takes minutes, so the margin leaves room for any machine.
        """
        return self.longest < 1.0


@contextmanager
def watched_steps() -> Iterator[Steps]:
    """Measure each callback that the event loop runs within the block.

    This includes the one that enters the block: a call that waits for nothing ends within it.
    """
    steps, run = Steps(), asyncio.Handle._run
    began = time.thread_time()

    def note() -> None:
        nonlocal began
        now = time.thread_time()
        steps.longest = max(steps.longest, now - began)
        began = now

    def measured(self: asyncio.Handle) -> None:
        note()
        try:
            run(self)
        finally:
            note()

    asyncio.Handle._run = measured  # type: ignore[method-assign]
    try:
        yield steps
    finally:
        asyncio.Handle._run = run  # type: ignore[method-assign]
        note()
