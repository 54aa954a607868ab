"""A private Redis server for the tests: loopback, gone at the end."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from support.processes.services import POLL_SECONDS, end_with_us, free_port


class RedisFailed(Exception):
    """The server doesn't start; the message says why, with the end of its log."""


@dataclass
class RedisServer:
    """A server that a test may stop and start again.

    It forgets everything each time, unless it is durable: then it keeps what it has answered.
    """

    port: int
    log: Path
    durable: bool = False
    process: subprocess.Popen[bytes] | None = None
    _call_off: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}/0"

    def connect(self) -> Redis:
        """Open a plain client."""
        return Redis.from_url(self.url)

    def start(self, tries: int = 600) -> None:
        """Start, and return once it answers.

        Raises:
            RedisFailed: it does not start.
        """
        options = {"bind": "127.0.0.1", "port": str(self.port), "save": ""}
        options["appendonly"] = "yes" if self.durable else "no"
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                ["redis-server", *arguments],
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._call_off = end_with_us(self.process)
        for _ in range(tries):
            with self.connect() as client:
                try:
                    client.ping()
                except RedisError:
                    try:
                        self.process.wait(POLL_SECONDS)
                    except subprocess.TimeoutExpired:
                        continue
                    break
                return
        raise RedisFailed(f"it did not start:\n{self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._call_off()
            self.process = None


@contextmanager
def running_redis(folder: Path, *, durable: bool = False) -> Iterator[RedisServer]:
    """Run a server for as long as the block lasts, with its files in a folder."""
    server = RedisServer(free_port(), folder / "redis.log", durable)
    server.start()
    try:
        yield server
    finally:
        server.stop()
