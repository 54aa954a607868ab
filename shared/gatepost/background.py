"""Work in the background, for as long as the block that started it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

Sleep = Callable[[float], Awaitable[None]]
Tell = Callable[["Job", Exception, int], None]


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is repeated; `rounds` of 3 runs it in the first round, the fourth and so on."""

    name: str
    run: Callable[[], Awaitable[object]]
    rounds: int = 1


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
            await asyncio.wait({task}, timeout=1)


def repeating(
    jobs: Sequence[Job], *, every: float, tell: Tell, sleep: Sleep = asyncio.sleep
) -> AbstractAsyncContextManager[None]:
    """Run jobs one after the other in rounds; a job that fails does not stop the others.

    Args:
        jobs: the jobs, in order.
        every: seconds before each round.
        tell: logs that a job failed, and how many times in a row.
        sleep: waits.
    """

    async def repeat() -> None:
        failures, finished = dict.fromkeys(jobs, 0), 0
        while True:
            await sleep(every)
            for job in jobs:
                if finished % job.rounds:
                    continue
                try:
                    await job.run()
                    failures[job] = 0
                except Exception as problem:  # noqa: BLE001 - the next round may succeed
                    failures[job] += 1
                    tell(job, problem, failures[job])
            finished += 1

    return in_background(repeat)
