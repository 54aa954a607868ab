"""Operators learn where the gateway's event loop was held."""

import asyncio
import time

from structlog.testing import capture_logs

from mcp_gateway.work.loop_watch import report_held_loop, watching_loop


async def test_a_long_step_is_reported_with_its_place() -> None:
    reports: list[tuple[float, str]] = []
    reported = asyncio.Event()
    loop = asyncio.get_running_loop()

    def report(seconds: float, place: str) -> None:
        reports.append((seconds, place))
        loop.call_soon_threadsafe(reported.set)

    with watching_loop(report):
        spin(0.5)
        async with asyncio.timeout(60):
            await reported.wait()
    [(seconds, place)] = reports
    assert seconds > 0.05
    assert place.startswith("work/test_loop_watch.py:")
    assert place.endswith(" spin")


def spin(seconds: float) -> None:
    """Use the processor for some seconds."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_report_is_one_line_of_the_log() -> None:
    with capture_logs() as logs:
        report_held_loop(0.1234, "results/fit.py:12 fit")
    assert logs == [
        {
            "event": "event_loop_held",
            "log_level": "warning",
            "milliseconds": 123,
            "place": "results/fit.py:12 fit",
        }
    ]
