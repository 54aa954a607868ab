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
NGINX = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_buffering off;
  upstream services {{ {servers} keepalive 16; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://services; }} }}
}}
"""
"""Learns from a refused connection alone that a server does not serve."""


@contextmanager
def running_proxy(kind: str, folder: Path, port: int, servers: Sequence[int]) -> Iterator[None]:
    """Run `haproxy` or `nginx` on a port, in front of servers on others; `./dev test` installs both."""
    config = folder / f"{kind}.conf"
    if kind == "haproxy":
        lines = [f"  server s{server} 127.0.0.1:{server}" for server in servers]
        config.write_text(HAPROXY + "\n".join([f"  bind 127.0.0.1:{port}", *lines, ""]))
        command = [_find(kind), "-db", "-f", str(config)]
    else:
        config.write_text(
            NGINX.format(
                user="user root;" if os.geteuid() == 0 else "",
                folder=folder,
                port=port,
                servers=" ".join(
                    f"server 127.0.0.1:{server} max_fails=1 fail_timeout=1s;" for server in servers
                ),
            )
        )
        command = [_find(kind), "-e", "stderr", "-p", str(folder), "-c", str(config)]
    with (folder / f"{kind}.log").open("ab") as output:
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
