"""PgBouncer in transaction mode in front of PostgreSQL: loopback, gone at the end."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from support.processes.certificates import Authority
from support.processes.postgres import APP_PASSWORD, PostgresServer, unprivileged_ids
from support.processes.services import POLL_SECONDS, STOP_SECONDS, end_with_us, free_port

CONNECTIONS = 2
"""To the database: fewer than one server process opens, so that its sessions share them."""
_CONFIG = """
[databases]
* = host=127.0.0.1 port={postgres}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = {connections}
auth_type = scram-sha-256
auth_file = {folder}/users
client_tls_sslmode = require
client_tls_cert_file = {certificate}
client_tls_key_file = {certificate}
server_tls_sslmode = verify-full
server_tls_ca_file = {authority}
"""


@dataclass(frozen=True, slots=True)
class Pooler:
    """A running PgBouncer, and the server behind it."""

    port: int
    postgres: PostgresServer
    authority: Path

    def url(self, database_url: str, *, direct: bool = False) -> str:
        """Write the URL of a database of the server, as the role `app`, with everything verified."""
        name = database_url.rpartition("/")[2]
        port = self.postgres.port if direct else self.port
        mode = "" if direct else "&pool_mode=transaction"
        return (
            f"postgresql+psycopg://app:{APP_PASSWORD}@127.0.0.1:{port}/{name}"
            f"?sslmode=verify-full&sslrootcert={self.authority}{mode}"
        )


@contextmanager
def running_pgbouncer(postgres: PostgresServer, authority: Authority) -> Iterator[Pooler]:
    """Run PgBouncer for as long as the block lasts; `./dev test` installs it."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program is not None, "pgbouncer is not installed; ./dev test installs it"
    uid, gid = unprivileged_ids() if os.geteuid() == 0 else (None, None)
    with tempfile.TemporaryDirectory(prefix="gatepost-pgbouncer-") as name:
        folder, port = Path(name), free_port()
        certificate, trusted = authority.write(folder, "127.0.0.1")
        (folder / "users").write_text(f'"app" "{APP_PASSWORD}"\n')
        (folder / "config").write_text(
            _CONFIG.format(
                postgres=postgres.port,
                port=port,
                connections=CONNECTIONS,
                folder=folder,
                certificate=certificate,
                authority=trusted,
            )
        )
        for path in (folder, *folder.iterdir()):
            if uid is not None and gid is not None:
                os.chown(path, uid, gid)
        with (folder / "log").open("ab") as output:
            process = subprocess.Popen(
                [program, folder / "config"],
                user=uid,
                group=gid,
                extra_groups=None if uid is None else [],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        call_off = end_with_us(process)
        pooler = Pooler(port, postgres, trusted)
        try:
            _wait_until_ready(pooler, process, folder / "log")
            yield pooler
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
            call_off()


def _wait_until_ready(pooler: Pooler, process: subprocess.Popen[bytes], log: Path) -> None:
    url = pooler.url("/postgres").replace("+psycopg", "").replace("&pool_mode=transaction", "")
    for _ in range(600):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            try:
                process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            break
        return
    raise AssertionError(f"PgBouncer did not start:\n{log.read_text(errors='replace')[-2000:]}")
