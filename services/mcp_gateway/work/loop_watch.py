"""Notice a step of the event loop that takes too long, and where it is."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

LONGEST = 0.05
"""Seconds of CPU that one turn of the event loop may take."""
_EVERY = 0.1
_QUIET = 10.0
"""Seconds of silence after a report, since a loaded process would report all the time."""
_PACKAGES = frozenset({"mcp_gateway", "gatepost"})

log = structlog.get_logger()
Report = Callable[[float, str], None]
"""Takes the seconds of CPU that the loop was held, and the place."""


def report_held_loop(seconds: float, place: str) -> None:
    """Log that the loop was held."""
    log.warning("event_loop_held", milliseconds=round(seconds * 1000), place=place)


@contextmanager
def watching_loop(report: Report = report_held_loop) -> Iterator[None]:
    """Watch the running event loop from a thread for as long as the block lasts."""
    loop, stop = asyncio.get_running_loop(), threading.Event()
    watched = threading.get_ident()
    thread = threading.Thread(
        target=_watch, args=(loop, watched, stop, report), name="gatepost-watch", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()


def _watch(
    loop: asyncio.AbstractEventLoop, watched: int, stop: threading.Event, report: Report
) -> None:
    # CPU of the loop's thread, so that a busy machine is not mistaken for a long step.
    clock = time.pthread_getcpuclockid(watched)
    while not stop.wait(_EVERY):
        turn = threading.Event()
        began = time.clock_gettime(clock)
        try:
            loop.call_soon_threadsafe(turn.set)
        except RuntimeError:  # the loop has ended
            return
        if turn.wait(LONGEST):
            continue
        place = _find_place(watched)
        while not turn.wait(_EVERY):
            if stop.is_set():
                return
        seconds = time.clock_gettime(clock) - began
        if seconds > LONGEST:
            report(seconds, place)
            stop.wait(_QUIET)


def _find_place(thread: int) -> str:
    """Return the innermost line of our own that the thread executes."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if not _PACKAGES.isdisjoint(path.parts):
            return f"{path.parent.name}/{path.name}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back
    return ""
