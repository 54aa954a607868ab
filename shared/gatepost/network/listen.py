"""Bind the address that a service listens on, before anything says that it serves."""

import errno
import ipaddress
import socket
from urllib.parse import urlsplit

import structlog

log = structlog.get_logger()


class CannotListen(Exception):
    """The address can't be bound; the message says why and how to choose another."""


def bind(url: str, host: str | None, port: int | None, *, usual_port: int) -> socket.socket:
    """Bind a TCP socket, and log its address as `listening`.

    Args:
        url: the service's public URL. On loopback its port is the default; elsewhere a proxy serves
            it, and the default is `usual_port`.
        host: the address to listen on; 127.0.0.1 by default.
        port: the port; 0 is any free one.
        usual_port: the default port.

    Raises:
        CannotListen: the port is in use, or the address is not this machine's.
    """
    host = host or "127.0.0.1"
    if port is None:
        port = _loopback_port(url) or usual_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(
                f"port {port} of {host} is in use; choose another with --port, or stop the process "
                "that uses it"
            ) from None
        raise CannotListen(
            f"can't listen on {host}, port {port}: {error.strerror}; choose others with --host and "
            "--port"
        ) from None
    bound.set_inheritable(True)
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    log.info("listening", address=f"http://{shown}:{bound.getsockname()[1]}")
    return bound


def bind_metrics(host: str, port: int | None) -> socket.socket | None:
    """Bind the socket that serves the metrics, if a port is set, and log its address.

    Raises:
        CannotListen: the port is in use, or the address is not this machine's.
    """
    if port is None:
        return None
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.create_server((host, port), family=family)
    except OSError as error:
        raise CannotListen(
            f"can't serve metrics on {host}, port {port}: {error.strerror}; change metrics_host or "
            "metrics_port"
        ) from None
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    log.info("metrics_served", address=f"http://{shown}:{bound.getsockname()[1]}/metrics")
    return bound


def _loopback_port(url: str) -> int | None:
    """Return the port of a plain HTTP URL on this machine."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    try:
        is_loopback = name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return None
    return parts.port if is_loopback and parts.scheme == "http" else None
