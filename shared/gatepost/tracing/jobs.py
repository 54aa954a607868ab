"""Record some of the rounds of work in the background."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from gatepost.background import Job

if TYPE_CHECKING:
    from gatepost.tracing.tracing import Tracing

T = TypeVar("T")


def recorded(
    name: str, run: Callable[[], Awaitable[T]], tracing: "Tracing | None"
) -> Callable[[], Awaitable[T]]:
    """Return work of which some rounds are traces of their own."""
    if tracing is None:
        return run
    making = tracing

    async def run_recorded() -> T:
        if not making.sampling.draw():
            return await run()
        with making.serving(f"job {name}", {}, inside=True):
            return await run()

    return run_recorded


def record_jobs(jobs: Sequence[Job], tracing: "Tracing | None") -> Sequence[Job]:
    """Return the jobs, of which some rounds are traces of their own."""
    return [replace(job, run=recorded(job.name, job.run, tracing)) for job in jobs]
