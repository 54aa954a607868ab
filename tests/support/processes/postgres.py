"""A private PostgreSQL server for the tests: loopback, temporary files, gone at the end."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from support.processes.services import POLL_SECONDS, STOP_SECONDS, end_with_us, free_port

Prepare = Callable[[str], None]

# A crash of the machine may lose this data; nothing here waits for a disk.
FAST_AND_LOSSY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}


class PostgresFailed(Exception):
    """The server can't be found or doesn't start; the message says why, with the end of its log."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server that hands out databases of their own."""

    port: int
    _numbers: Iterator[int] = field(default_factory=count)
    _templates: dict[Prepare, str] = field(default_factory=dict)

    def create_database(self, prepare: Prepare | None = None) -> str:
        """Create a database that nobody has used.

        Args:
            prepare: called with the URL of an empty database to fill it (a schema, say). It runs
                once per server; every database asked for with the same function is a copy of that
                first one. It must leave no connection open.

        Returns:
            An SQLAlchemy URL, `postgresql+psycopg://…`.
        """
        if prepare is None:
            return self._url(self._create())
        if prepare not in self._templates:
            name = self._create()
            prepare(self._url(name))
            self._templates[prepare] = name
        return self._url(self._create(template=self._templates[prepare]))

    def _create(self, template: str = "template1") -> str:
        name = f"gatepost_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://gatepost@127.0.0.1:{self.port}/{database}"

    def connect(self) -> psycopg.Connection:
        """Open a connection to the server's own database, to manage the others."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="gatepost", dbname="postgres", autocommit=True
        )


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server for as long as the block lasts.

    The program refuses to run as root, so root runs it as `postgres` or `nobody`.

    Raises:
        PostgresFailed: no server program is installed, or it does not start.
    """
    programs = _programs()
    uid, gid = _unprivileged_ids() if os.geteuid() == 0 else (None, None)
    groups: list[str] | None = None if uid is None else []
    with tempfile.TemporaryDirectory(prefix="gatepost-postgres-") as folder:
        home, port = Path(folder), free_port()
        data, log = home / "data", home / "log"
        if uid is not None and gid is not None:
            os.chown(home, uid, gid)
        made = subprocess.run(
            [
                *(programs / "initdb", "--pgdata", data, "--username", "gatepost"),
                *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ],
            cwd=home,
            user=uid,
            group=gid,
            extra_groups=groups,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise PostgresFailed(f"initdb: {made.stderr}")
        settings = {
            **FAST_AND_LOSSY,
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(home),
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(programs / "postgres", "-D", data),
                    *(part for key, value in settings.items() for part in ("-c", f"{key}={value}")),
                ],
                cwd=home,
                user=uid,
                group=gid,
                extra_groups=groups,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = PostgresServer(port)
        call_off = end_with_us(process)
        try:
            _wait_until_ready(server, process, log)
            yield server
        finally:
            _stop(process)
            call_off()


def _wait_until_ready(
    server: PostgresServer, process: subprocess.Popen[bytes], log: Path, tries: int = 600
) -> None:
    for _ in range(tries):
        try:
            server.connect().close()
        except psycopg.OperationalError:
            try:
                process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            break
        return
    raise PostgresFailed(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    # SIGINT is PostgreSQL's "fast" shutdown: it ends the sessions that are still open.
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _programs() -> Path:
    """The folder of `initdb` and `postgres`; Debian keeps it off the PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    if newest := max(versions, key=lambda path: float(path.parts[-3]), default=None):
        return newest.parent
    raise PostgresFailed("no PostgreSQL server here (initdb): install Debian's `postgresql`")


def _unprivileged_ids() -> tuple[int, int]:
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return account.pw_uid, account.pw_gid
    raise PostgresFailed("PostgreSQL refuses to run as root, and there is no user postgres/nobody")
