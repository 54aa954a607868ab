"""Child processes that start together, report when they are ready, and stop in order."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click

_START_SECONDS = 60
_STOP_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Service:
    """One process: its arguments, and a URL that answers 200 once it is ready."""

    name: str
    arguments: Sequence[str]
    ready_url: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Running:
    """A started service and its log file."""

    service: Service
    process: subprocess.Popen[bytes]
    log: Path


def require_free_port(port: int, flag: str) -> None:
    """Refuse a port that is in use.

    Raises:
        click.ClickException: the message names the flag that chooses another port.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise click.ClickException(
                f"port {port} is in use; choose another with {flag} PORT"
            ) from None


def find_free_ports(number: int) -> list[int]:
    """Return ports of this machine that are free now."""
    with contextlib.ExitStack() as probes:
        bound = [
            probes.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        return [probe.getsockname()[1] for probe in bound]


@contextlib.contextmanager
def running(
    services: Sequence[Service], logs: Path, report: Callable[[str], None]
) -> Iterator[list[Running]]:
    """Start services together, wait until all are ready, and stop them in reverse.

    Args:
        services: the services.
        logs: the folder of their log files.
        report: takes the name of each service that is ready.

    Raises:
        click.ClickException: a service exited or did not become ready; shows the end of its log.
    """
    started: list[Running] = []
    try:
        for service in services:
            log = logs / f"{service.name}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                    [sys.executable, *service.arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(service.environment),
                    # Ctrl-C reaches only this process, which then stops its children in order.
                    start_new_session=True,
                )
            started.append(Running(service, process, log))
        for one in started:
            _wait_until_ready(one)
            report(one.service.name)
        yield started
    finally:
        for one in reversed(started):
            _stop(one.process)


def wait_for_end(started: Sequence[Running]) -> NoReturn:
    """Wait until a signal arrives, which `suppress_stop` handles.

    Raises:
        click.ClickException: a service exited.
    """
    while True:
        for one in started:
            if one.process.poll() is not None:
                raise click.ClickException(f"{one.service.name} exited:\n{_tail(one.log)}")
        time.sleep(0.2)


class _Stopped(BaseException):
    """A signal asked the process to end: Ctrl-C, a closed terminal or SIGTERM."""


@contextlib.contextmanager
def suppress_stop() -> Iterator[None]:
    """Unwind the block on a signal, and suppress the exception that does so."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, frame: object) -> None:
        # A second signal must not interrupt the clean-up.
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise _Stopped

    for each in signals:
        signal.signal(each, stop)
    with contextlib.suppress(_Stopped):
        yield


def _wait_until_ready(one: Running) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if one.process.poll() is not None:
            raise click.ClickException(f"{one.service.name} did not start:\n{_tail(one.log)}")
        try:
            with urllib.request.urlopen(one.service.ready_url, timeout=2) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    raise click.ClickException(f"{one.service.name} did not answer:\n{_tail(one.log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
