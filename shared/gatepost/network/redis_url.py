"""The URLs that name a Redis server, a Redis cluster, or a server that Sentinels watch.

Separate from `gatepost.network.redis`, because the library is slow to import.
"""

from typing import Literal, NamedTuple, get_args
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

Engine = Literal["server", "cluster", "sentinel"]

_FORMS = (
    "must be redis://HOST:PORT/NUMBER, unix://PATH, redis+cluster://HOST:PORT,HOST:PORT or "
    "redis+sentinel://HOST:PORT,HOST:PORT/SERVICE; with rediss for TLS"
)
_PORT = 6379
_SENTINEL_PORT = 26379


class RedisAddress(NamedTuple):
    """Where Redis is."""

    engine: Engine
    nodes: tuple[tuple[str, int], ...]
    """Host and port of the server, of some of the cluster's servers, or of the Sentinels; empty for a
    UNIX socket."""
    service: str
    """The name under which the Sentinels know the server; empty for the other engines."""
    options: str
    """A URL of one server, with the credentials, the database and the options of all connections."""


def read_redis_url(url: str) -> RedisAddress:
    """Read the URL of any engine.

    Raises:
        ValueError: it is none; the message shows the forms, without the value.
    """
    parts = urlsplit(url)
    scheme, _, named = parts.scheme.partition("+")
    engine = named or "server"
    if scheme == "unix" and not named and parts.path:
        return RedisAddress("server", (), "", url)
    if scheme not in {"redis", "rediss"} or engine not in get_args(Engine) or named == "server":
        raise ValueError(_FORMS)
    if scheme == "redis" and any(name.startswith("ssl") for name in parse_qs(parts.query)):
        raise ValueError("options of TLS need rediss in place of redis")
    credentials, at, hosts = parts.netloc.rpartition("@")
    port = _SENTINEL_PORT if engine == "sentinel" else _PORT
    nodes = tuple(_read_node(host, port) for host in hosts.split(","))
    path = parts.path.strip("/")
    service = ""
    if engine == "sentinel":
        service, _, path = path.partition("/")
    if (
        (engine == "server" and len(nodes) > 1)
        or (engine == "cluster" and path not in {"", "0"})
        or (engine == "sentinel" and not service)
    ):
        raise ValueError(_FORMS)
    first = hosts.split(",")[0]
    plain = SplitResult(scheme, f"{credentials}{at}{first}", f"/{path}", parts.query, "")
    return RedisAddress(engine, nodes, service, urlunsplit(plain))  # type: ignore[arg-type]


def _read_node(text: str, default: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or port == 0:
        raise ValueError(_FORMS)
    return parts.hostname, port or default
