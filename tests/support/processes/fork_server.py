"""Start the product's commands as processes that have their modules already.

Importing the modules costs a process more than most tests need it for. One process for each test
process imports them once, and forks for each command. What it starts becomes a child of the test
process, as if that had started it.
"""

import atexit
import ctypes
import functools
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO

COMMANDS = ("gatepost_cli", "demo_saas", "fake_stripe")
"""The programs that are started this way, as `python -m NAME`."""
_PACKAGES = ("auth_server", "mcp_gateway", *COMMANDS)
_OTHERS = ("psycopg", "sqlalchemy.dialects.sqlite", "uvicorn.lifespan.on", "uvloop")
_SET_CHILD_SUBREAPER = 36


class ForkedProcess:
    """A running command, with what the tests use of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        """Take a child of this process."""
        self.pid = pid
        self.returncode: int | None = None
        self._fd = os.pidfd_open(pid)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, negative for a signal, once the process has ended.

        Raises:
            subprocess.TimeoutExpired: it still runs after so many seconds.
        """
        if self.returncode is None:
            ended, _, _ = select.select([self._fd], [], [], timeout)
            if not ended:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self._fd)
        return self.returncode

    def terminate(self) -> None:
        """Send SIGTERM, unless it is known to have ended."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL, unless it is known to have ended."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.returncode is None:
            signal.pidfd_send_signal(self._fd, number)


Process = subprocess.Popen[bytes] | ForkedProcess


def start(
    argv: Sequence[str],
    *,
    output: IO[bytes],
    errors: IO[bytes] | None = None,
    env: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> Process:
    """Start a program in a session of its own, without input.

    In a test, `python -m` and one of `COMMANDS` is forked. A bench measures what operators start.

    Args:
        argv: the program and its arguments.
        output: takes its standard output.
        errors: takes its standard error, by default `output`.
        env: its whole environment.
        cwd: the folder it runs in.
    """
    is_command = list(argv[:2]) == [sys.executable, "-m"] and argv[2] in COMMANDS
    if is_command and "PYTEST_VERSION" in os.environ:
        return _server().fork(argv[2:], output, errors or output, env, cwd)
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors or subprocess.STDOUT,
        env=env,
        cwd=cwd,
        # Ctrl-C in the terminal is for the test run, which then stops its processes in order.
        start_new_session=True,
    )


class _ForkServer:
    def __init__(self) -> None:
        # What the server's children start becomes this process's child when they end.
        if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self._close)

    def fork(
        self,
        argv: Sequence[str],
        output: IO[bytes],
        errors: IO[bytes],
        env: Mapping[str, str],
        cwd: Path | None,
    ) -> ForkedProcess:
        request = {"argv": [*argv], "env": dict(env), "cwd": str(cwd or Path.cwd())}
        data = json.dumps(request).encode()
        with self._lock:
            self._socket.sendall(len(data).to_bytes(4, "big"))
            socket.send_fds(self._socket, [data[:1]], [output.fileno(), errors.fileno()])
            self._socket.sendall(data[1:])
            return ForkedProcess(int.from_bytes(_receive(self._socket, 4), "big"))

    def _close(self) -> None:
        self._socket.close()
        self._process.wait()


_server = functools.cache(_ForkServer)


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _serve(connection: socket.socket) -> None:
    """Fork for each request, until the test process closes the connection."""
    while True:
        try:
            size = int.from_bytes(_receive(connection, 4), "big")
        except EOFError:
            return
        first, descriptors, _, _ = socket.recv_fds(connection, 1, 2)
        request = json.loads(first + _receive(connection, size - 1))
        read, write = os.pipe()
        between = os.fork()
        if between == 0:
            pid = os.fork()
            if pid == 0:
                os.close(read)
                os.close(write)
                connection.close()
                _become(descriptors, **request)
                return
            os.write(write, pid.to_bytes(4, "big"))
            os._exit(0)
        for descriptor in (write, *descriptors):
            os.close(descriptor)
        os.waitpid(between, 0)
        # The process has no parent any more, so it is the test process's child.
        connection.sendall(os.read(read, 4))
        os.close(read)


def _become(descriptors: Sequence[int], argv: list[str], env: dict[str, str], cwd: str) -> None:
    """Run the command."""
    os.setsid()
    for target, descriptor in enumerate(descriptors, 1):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv[:] = argv
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


def _import_all() -> None:
    for package in _PACKAGES:
        found = import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if not (module.name.endswith("__main__") or ".migrations" in module.name):
                import_module(module.name)
    for name in _OTHERS:
        import_module(name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    _import_all()
    with socket.socket(fileno=int(sys.argv[1])) as served:
        _serve(served)
