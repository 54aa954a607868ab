"""The metrics of both services: the process, its log, and whether it drains."""

import resource
import time
from importlib.metadata import version
from pathlib import Path

from gatepost.logs import counted_events
from gatepost.metrics.series import Metric, Page
from gatepost.network.stopping import Stopping

BUILD = Metric(
    "gatepost_build_info", "gauge", "1, with the service and its version.", ("service", "version")
)
DRAINING = Metric("gatepost_draining", "gauge", "1 while the process drains before it stops.")
LOG_EVENTS = Metric(
    "gatepost_log_events_total", "counter", "Log events that were written.", ("event", "level")
)
CPU = Metric("process_cpu_seconds_total", "counter", "Processor time of the process.")
MEMORY = Metric("process_resident_memory_bytes", "gauge", "Memory that the process holds.")
FILES = Metric("process_open_fds", "gauge", "Open files and connections.")
MOST_FILES = Metric("process_max_fds", "gauge", "Files and connections that may be open.")
STARTED = Metric("process_start_time_seconds", "gauge", "When the process started.")
METRICS = (BUILD, DRAINING, LOG_EVENTS, CPU, MEMORY, FILES, MOST_FILES, STARTED)


def add_process(page: Page, *, service: str, stopping: Stopping) -> None:
    """Add the metrics of this process to its page."""
    started = time.time()
    page.read(BUILD, lambda: {(service, version("gatepost")): 1})
    page.read(DRAINING, lambda: {(): float(stopping.draining)})
    page.read(LOG_EVENTS, lambda: {key: float(times) for key, times in counted_events.items()})
    page.read(CPU, lambda: {(): time.process_time()})
    page.read(MEMORY, lambda: {(): _resident()})
    page.read(FILES, lambda: {(): sum(1 for _ in Path("/proc/self/fd").iterdir())})
    page.read(MOST_FILES, lambda: {(): resource.getrlimit(resource.RLIMIT_NOFILE)[0]})
    page.read(STARTED, lambda: {(): started})


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
