"""Start a program as a separate process, wait until it answers, stop it."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from support.processes.fork_server import Process, start

POLL_SECONDS = 0.05
STOP_SECONDS = 10
LOG_TAIL_LINES = 40

_handed_out: set[int] = set()


class ServiceFailed(Exception):
    """The process ended, or never answered; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Service:
    """One running process: where it answers, and where it writes."""

    name: str
    url: str
    log: Path
    process: Process

    def stop(self) -> int:
        """Ask the process to end (SIGTERM) and wait; kill it after `STOP_SECONDS`.

        Stopping a second time does nothing.

        Returns:
            Its exit code, negative for the signal that ended it.
        """
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End the process at once (SIGKILL), as a crash would."""
        self.process.kill()
        return self.process.wait()

    def log_tail(self) -> str:
        """The last lines that the process wrote."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])


def free_port() -> int:
    """A loopback TCP port that is free now, and not one this process was given before."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port: int = listener.getsockname()[1]
        if port not in _handed_out:
            _handed_out.add(port)
            return port


def end_with_us(process: Process) -> Callable[[], None]:
    """Have a process interrupted when this one is gone, killed even; return what calls that off.

    A shell waits for the end of a pipe of which only this process holds the other end.
    """
    read, write = os.pipe()
    watchdog = subprocess.Popen(
        ["sh", "-c", 'read -r _; kill -INT "$0"', str(process.pid)],
        stdin=read,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(read)

    def call_off() -> None:
        watchdog.kill()
        watchdog.wait()
        os.close(write)

    return call_off


@contextmanager
def running_service(
    argv: Sequence[str | Path],
    *,
    url: str,
    log: Path,
    ready_path: str = "/",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    tries: int = 2400,
) -> Iterator[Service]:
    """Run a program for as long as the block lasts; enter the block once it answers.

    Args:
        argv: the program and its arguments.
        url: where the program will answer, without a path, as the tests will call it.
        log: the file that takes its standard output and error.
        ready_path: the path that answers 200 once the program is ready.
        env: added to this process's environment, from which every `GATEPOST_…` is left out.
        cwd: the folder it runs in.
        tries: how often to ask, `POLL_SECONDS` apart.

    Raises:
        ServiceFailed: it ended before it answered, or still doesn't answer after all tries.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GATEPOST_")}
    with log.open("ab") as output:
        process = start(
            [str(part) for part in argv],
            output=output,
            env={**inherited, "PYTHONUNBUFFERED": "1", **(env or {})},
            cwd=cwd,
        )
    service = Service(name=Path(argv[0]).name, url=url, log=log, process=process)
    call_off = end_with_us(process)
    try:
        _wait_until_ready(service, ready_path, tries)
        yield service
    finally:
        service.stop()
        call_off()


def _wait_until_ready(service: Service, ready_path: str, tries: int) -> None:
    answer = "nothing"
    # Never use the environment's proxy for loopback.
    with httpx2.Client(trust_env=False, timeout=2) as client:
        for _ in range(tries):
            try:
                response = client.get(service.url + ready_path)
                if response.status_code == 200:
                    return
                answer = f"{response.status_code} {response.text[:200]}"
            except httpx2.TransportError as error:
                answer = repr(error)
            try:
                code = service.process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            raise ServiceFailed(f"{service.name} ended with {code}:\n{service.log_tail()}")
    raise ServiceFailed(
        f"{service.name} never answered 200 at {service.url}{ready_path}, at last: {answer}\n"
        f"{service.log_tail()}"
    )
