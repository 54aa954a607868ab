"""A private PostgreSQL server for the tests: loopback, temporary files, gone at the end."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from support.processes.certificates import Authority
from support.processes.services import POLL_SECONDS, STOP_SECONDS, end_with_us, free_port

Prepare = Callable[[str], object]

# A crash of the machine may lose this data; nothing here waits for a disk.
FAST_AND_LOSSY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}

# Restoring a database takes a seventh of the work of copying one. A test that changes tables keeps
# its database to itself.
RESTORABLE = """
CREATE SCHEMA at_first;
CREATE FUNCTION at_first.digest() RETURNS text LANGUAGE sql AS $$
  SELECT md5(string_agg(relname || attname || atttypid, ',' ORDER BY relname, attnum))
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
  WHERE relnamespace = 'public'::regnamespace
$$;
CREATE TABLE at_first.digest AS SELECT at_first.digest();
CREATE FUNCTION at_first.restore() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  name name;
BEGIN
  IF at_first.digest() <> (SELECT digest FROM at_first.digest) THEN
    RETURN false;
  END IF;
  -- Meanwhile, rows may refer to missing ones.
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    IF pg_relation_size(format('public.%I', name)::regclass) > 0 THEN
      EXECUTE format('DELETE FROM public.%I', name);
      EXECUTE format('INSERT INTO public.%1$I SELECT * FROM at_first.%1$I', name);
    END IF;
  END LOOP;
  RETURN true;
END $$;
DO $$
DECLARE
  name name;
BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('CREATE TABLE at_first.%1$I AS TABLE public.%1$I', name);
  END LOOP;
END $$;
"""
END_SESSIONS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

APP_PASSWORD = "of-the-app"
_HBA_OF_APP = "hostssl all app all scram-sha-256\nhost all app all reject\n"
_APP = f"CREATE ROLE app LOGIN PASSWORD '{APP_PASSWORD}' IN ROLE gatepost".encode()


class PostgresFailed(Exception):
    """The server can't be found or doesn't start; the message says why, with the end of its log."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server that provides separate databases."""

    port: int
    crash: Callable[[], None]
    """Ends it at once, as a crash would, and starts it again."""
    _numbers: Iterator[int] = field(default_factory=count)
    _templates: dict[Prepare, str] = field(default_factory=dict)
    _returned: dict[Prepare, list[str]] = field(default_factory=dict)

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
        return self._url(self._copy(prepare))

    @contextmanager
    def lend_database(self, prepare: Prepare) -> Iterator[str]:
        """Lend a database as `prepare` leaves it, and restore its rows for the next borrower.

        Args:
            prepare: as for `create_database`.
        """
        returned = self._returned.setdefault(prepare, [])
        name = returned.pop() if returned else self._copy(prepare)
        yield self._url(name)
        with self.connect(name) as connection:
            connection.execute(END_SESSIONS)
            [restored] = connection.execute("SELECT at_first.restore()").fetchall()
        if restored == (True,):
            returned.append(name)

    def _copy(self, prepare: Prepare) -> str:
        if prepare not in self._templates:
            name = self._create()
            prepare(self._url(name))
            with self.connect(name) as connection:
                connection.execute(RESTORABLE)
            self._templates[prepare] = name
        return self._create(template=self._templates[prepare])

    def _create(self, template: str = "template1") -> str:
        name = f"gatepost_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://gatepost@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Open a connection; the server's own database is for managing the others."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="gatepost", dbname=database, autocommit=True
        )


@contextmanager
def running_postgres(
    *, durable: bool = False, authority: Authority | None = None
) -> Iterator[PostgresServer]:
    """Run a server for as long as the block lasts; a durable one keeps what it committed in a crash.

    With an authority, it has a certificate, and the role `app`, which has a password, needs TLS.

    The program refuses to run as root, so root runs it as `postgres` or `nobody`.

    Raises:
        PostgresFailed: no server program is installed, or it does not start.
    """
    programs = _programs()
    uid, gid = unprivileged_ids() if os.geteuid() == 0 else (None, None)
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
            **({"synchronous_commit": "on"} if durable else {}),
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(home),
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        if authority is not None:
            files = authority.write(home, "127.0.0.1")
            for file in files:
                file.chmod(0o600)
                if uid is not None and gid is not None:
                    os.chown(file, uid, gid)
            options += ["-c", "ssl=on"]
            options += ["-c", f"ssl_cert_file={files[0]}", "-c", f"ssl_key_file={files[0]}"]
            hba = data / "pg_hba.conf"
            hba.write_text(_HBA_OF_APP + hba.read_text())
        running: list[tuple[subprocess.Popen[bytes], Callable[[], None]]] = []

        def start() -> None:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    [*(programs / "postgres", "-D", data), *options],
                    cwd=home,
                    user=uid,
                    group=gid,
                    extra_groups=groups,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            running.append((process, end_with_us(process)))
            _wait_until_ready(server, process, log)

        def crash() -> None:
            process, call_off = running.pop()
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for pid in (process.pid, *map(int, children)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
            call_off()
            start()

        server = PostgresServer(port, crash)
        try:
            start()
            if authority is not None:
                with server.connect() as connection:
                    connection.execute(_APP)
            yield server
        finally:
            for process, call_off in running:
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


def unprivileged_ids() -> tuple[int, int]:
    """Return the user and the group that programs run as which refuse to run as root."""
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return account.pw_uid, account.pw_gid
    raise PostgresFailed("PostgreSQL refuses to run as root, and there is no user postgres/nobody")
