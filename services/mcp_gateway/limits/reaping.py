"""Give back what calls hold that were never settled, every few seconds."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import structlog

from gatepost.background import Job, repeating

EVERY = 5.0
"""Seconds between looks."""

log = structlog.get_logger()


def reaping(reap: Callable[[], Awaitable[None]]) -> AbstractAsyncContextManager[None]:
    """Reap in the background for as long as the block lasts."""
    return repeating([Job("reap", reap)], every=EVERY, tell=_tell)


def _tell(_: Job, problem: Exception, failures: int) -> None:
    if failures == 1:
        log.warning("intents_not_read", reason=f"{type(problem).__name__}: {problem}"[:300])
