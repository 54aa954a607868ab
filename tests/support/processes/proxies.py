"""Load balancers in front of the services: loopback, gone at the end."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.processes.services import POLL_SECONDS, STOP_SECONDS, end_with_us

CADDYFILE = Path(__file__).parents[3] / "deploy/one-box/Caddyfile"
_OFFLINE = """
{
	admin off
	local_certs
	skip_install_trust
	auto_https disable_redirects
	storage file_system FOLDER
}
import CADDYFILE
"""
"""Certificates of an authority in a folder, instead of one on the internet."""

HAPROXY = """
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout check 10s
  retries 3
  option redispatch
  option httpchk GET /readyz
  default-server check inter 100ms fall 1 rise 1
listen proxy
"""
"""Asks each server whether it is ready, as ALB and Kubernetes do."""


@contextmanager
def running_proxy(folder: Path, port: int, servers: Sequence[int]) -> Iterator[None]:
    """Run HAProxy on a port, in front of servers on others; `./dev test` installs it."""
    config = folder / f"haproxy-{port}.cfg"
    lines = [f"  server s{server} 127.0.0.1:{server}" for server in servers]
    config.write_text(HAPROXY + "\n".join([f"  bind 127.0.0.1:{port}", *lines, ""]))
    command = [_find("haproxy"), "-db", "-f", str(config)]
    with _running(command, folder / f"haproxy-{port}.log"):
        yield


@contextmanager
def running_caddy(
    folder: Path, ports: Mapping[str, int], servers: Mapping[str, int]
) -> Iterator[ssl.SSLContext]:
    """Run Caddy with the configuration of one box; yield what trusts its certificates.

    Args:
        folder: for its files.
        ports: where it listens on `localhost`, by service.
        servers: where the services listen.
    """
    storage, config = folder / "caddy", folder / "Caddyfile"
    config.write_text(_OFFLINE.replace("FOLDER", str(storage)).replace("CADDYFILE", str(CADDYFILE)))
    environment = {
        **os.environ,
        "HOME": str(folder),
        "AUTH_HOST": f"localhost:{ports['auth-server']}",
        "MCP_HOST": f"localhost:{ports['mcp-gateway']}",
        "AUTH_SERVER": f"127.0.0.1:{servers['auth-server']}",
        "MCP_GATEWAY": f"127.0.0.1:{servers['mcp-gateway']}",
    }
    program = Path(sys.executable).with_name("caddy")
    command = [str(program), "run", "--adapter", "caddyfile", "--config", str(config)]
    log = folder / "caddy.log"
    with _running(command, log, environment):
        root = storage / "pki/authorities/local/root.crt"
        for port in ports.values():
            _wait_until_open(port, log)
        trusted = ssl.create_default_context(cafile=str(root))
        for port in ports.values():
            _wait_until_open(port, log, trusted)
        yield trusted


def _wait_until_open(port: int, log: Path, trusted: ssl.SSLContext | None = None) -> None:
    """Wait for a connection, or for one over TLS, since a certificate comes a moment later."""
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                if trusted is not None:
                    trusted.wrap_socket(connection, server_hostname="localhost").close()
        except OSError:
            time.sleep(POLL_SECONDS)
        else:
            return
    raise AssertionError(f"Caddy does not listen on {port}:\n{log.read_text()[-2000:]}")


@contextmanager
def _running(
    command: Sequence[str], log: Path, environment: Mapping[str, str] = os.environ
) -> Iterator[None]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    call_off = end_with_us(process)
    try:
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        call_off()


def _find(name: str) -> str:
    # Debian keeps them where only the PATH of root looks.
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert found is not None, f"{name} is not installed; ./dev test installs it"
    return found
