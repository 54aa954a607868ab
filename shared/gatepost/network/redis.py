"""Opening Redis: the same options in both services."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from gatepost.network.redis_url import RedisAddress, read_redis_url

CONNECT_SECONDS = 2
REDIS_ERRORS = (RedisError, RedisClusterException, KeyError, OSError)
"""What a client raises if Redis can't answer now: a KeyError for a slot that no server of a cluster has."""
_OF_SENTINELS = "sentinel_"


def open_redis(url: str, *, timeout: float | None = 2) -> Any:
    """Make a client that connects on first use and does not retry.

    Args:
        url: of a Redis server, a cluster, or the Sentinels of a server.
        timeout: seconds of silence that mean a dead connection, more than a read may block; None
            waits without end.

    Raises:
        ValueError: the URL is not one of Redis.
    """
    address = read_redis_url(url)
    common: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if address.engine == "server":
        return Redis.from_url(url, **common)
    options: dict[str, Any] = dict(parse_url(address.options))
    del options["host"]
    options.pop("port", None)
    if options.pop("connection_class", None):
        options["ssl"] = True
    if address.engine == "cluster":
        options.pop("db", None)
        return _Cluster(
            given=address.nodes,
            # While one shard is down, the others serve.
            require_full_coverage=False,
            **options,
            **common,
        )
    return _open_master(address, options, common)


def _open_master(address: RedisAddress, options: dict[str, Any], common: dict[str, Any]) -> Any:
    # Sentinels have their own passwords, or none; certificates are the same.
    of_sentinels = {
        name.removeprefix(_OF_SENTINELS): options.pop(name)
        for name in tuple(options)
        if name.startswith(_OF_SENTINELS)
    }
    tls = {name: value for name, value in options.items() if name.startswith("ssl")}
    sentinel: Any = _Sentinels(
        list(address.nodes),
        sentinel_kwargs={**common, **tls, **of_sentinels, "socket_timeout": CONNECT_SECONDS},
    )
    return sentinel.master_for(address.service, redis_class=_Master, **options, **common)


class _Cluster(RedisCluster):
    """A client of a cluster, which closes its connections after an error, too.

    redis-py 8.1 asks one server, always the same, where the keys of a command on streams stand, so after
    the death of that server it sends no such command any more. Here, the client looks itself. It also
    forgets the addresses that it was given, for those that the cluster named last; if all of these are
    replaced, only the given ones lead back.
    """

    def __init__(self, *, given: Sequence[tuple[str, int]], **options: Any) -> None:
        super().__init__(startup_nodes=[ClusterNode(*node) for node in given], **options)
        self._given = given

    async def initialize(self, *args: Any, **options: Any) -> RedisCluster:
        if self._initialize:
            self.remember_given()
        return await super().initialize(*args, **options)

    def remember_given(self) -> None:
        """Let the next reading of the map ask the given addresses, too."""
        nodes = self.nodes_manager
        for host, port in self._given:
            if (name := f"{host}:{port}") not in nodes.startup_nodes:
                nodes.startup_nodes[name] = ClusterNode(host, port, **nodes.connection_kwargs)

    async def _determine_slot(self, command: str, *args: Any) -> int:
        if command in {"XREAD", "XREADGROUP"}:
            return self.keyslot(args[args.index(b"STREAMS") + 1])
        return await super()._determine_slot(command, *args)

    async def aclose(self) -> None:
        await super().aclose()
        await self.nodes_manager.aclose()
        await self.nodes_manager.aclose("startup_nodes")


class _Sentinels(Sentinel):
    """Sentinels that are asked for one connection at a time.

    redis-py 8.1 reorders its list of Sentinels without a lock, and forgets some if several ask.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]
        self._asking = asyncio.Lock()

    async def discover_master(self, service_name: str) -> Any:
        async with self._asking:
            return await super().discover_master(service_name)


class _Master(Redis):
    """A client of the server that the Sentinels call the master, which closes theirs too."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        pool: Any = self.connection_pool
        await super().aclose(close_connection_pool)
        await pool.sentinel_manager.aclose()
