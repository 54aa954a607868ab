"""A private Redis server for the tests: loopback, gone at the end."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from support.processes.certificates import Authority
from support.processes.services import POLL_SECONDS, end_with_us, free_port

ADMINISTRATORS = "all-rights"
_GATEPOSTS = "few-rights"


class RedisFailed(Exception):
    """The server doesn't start; the message says why, with the end of its log."""


RIGHTS = (
    "~gatepost:* -@all +@read +@write +@scripting +@transaction +@connection -@dangerous +time "
    "+command +cluster|slots"
)
"""Everything that both services need, as docs/scale.md says, too."""


class Access:
    """TLS with an authority of its own, an administrator, and a user for Gatepost with few rights."""

    def __init__(self, folder: Path) -> None:
        """Write the certificates."""
        self._chain, self._authority = Authority().write(folder, "127.0.0.1")

    @property
    def options(self) -> dict[str, str]:
        """The options of a server or a Sentinel."""
        return {
            "tls-cert-file": str(self._chain),
            "tls-key-file": str(self._chain),
            "tls-ca-cert-file": str(self._authority),
            "tls-auth-clients": "no",
            "tls-replication": "yes",
            "requirepass": ADMINISTRATORS,
        }

    @property
    def users(self) -> dict[str, str]:
        """The options of a server that is not a Sentinel."""
        return {
            "masterauth": ADMINISTRATORS,
            "user": f"gatepost on >{_GATEPOSTS} {RIGHTS}",
        }

    @property
    def administrator(self) -> dict[str, Any]:
        """The options of an administrator's client."""
        return {
            "password": ADMINISTRATORS,
            "retry": Retry(NoBackoff(), 0),
            "ssl": True,
            "ssl_ca_certs": str(self._authority),
        }

    def url(self, scheme: str, hosts: str, path: str = "") -> str:
        """Write Gatepost's URL."""
        return f"{scheme}://gatepost:{_GATEPOSTS}@{hosts}{path}?ssl_ca_certs={self._authority}"


@dataclass
class RedisServer:
    """A server that a test may stop and start again.

    It forgets everything each time, unless it is durable: then it keeps what it has answered.
    """

    port: int
    log: Path
    durable: bool = False
    options: dict[str, str] = field(default_factory=dict)
    """More options of the server."""
    sentinel: Path | None = None
    """The configuration of a Sentinel, which it writes to."""
    process: subprocess.Popen[bytes] | None = None
    _call_off: Callable[[], None] = lambda: None

    access: "Access | None" = None
    """The users and the certificates of a server that is open only to them."""

    @property
    def url(self) -> str:
        """Where it answers."""
        if self.access is None:
            return f"redis://127.0.0.1:{self.port}/0"
        return self.access.url("rediss", f"127.0.0.1:{self.port}", "/0")

    def connect(self) -> Redis:
        """Open a plain client of an administrator."""
        if self.access is None:
            return Redis.from_url(self.url)
        return Redis("127.0.0.1", self.port, **self.access.administrator)

    def start(self, tries: int = 600) -> None:
        """Start, and return once it answers.

        Raises:
            RedisFailed: it does not start.
        """
        options = {"bind": "127.0.0.1", "port": str(self.port), "save": ""}
        options["appendonly"] = "yes" if self.durable else "no"
        command = ["redis-server"]
        if self.sentinel is not None:
            command = ["redis-server", str(self.sentinel), "--sentinel"]
            options = {"bind": "127.0.0.1", "port": str(self.port)}
        if self.access is not None:
            options |= {"port": "0", "tls-port": str(self.port), **self.access.options}
            if self.sentinel is None:
                options |= self.access.users
        options |= self.options
        for name, value in options.items():
            command += [f"--{name}", *value.split(" ")] if value else [f"--{name}", ""]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
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
