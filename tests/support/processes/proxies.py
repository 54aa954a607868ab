"""Load balancers in front of the services: loopback, gone at the end."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.processes.services import STOP_SECONDS, end_with_us

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
    with (folder / f"haproxy-{port}.log").open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
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
