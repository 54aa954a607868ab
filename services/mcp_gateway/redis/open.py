"""Open the connection that calls share, by its URL."""

import asyncio
from collections.abc import Awaitable, Callable

from gatepost.network.redis import open_redis
from gatepost.network.redis_url import read_redis_url
from mcp_gateway.redis.cluster import ClusterConnection
from mcp_gateway.redis.connection import DEADLINE, RedisConnection
from mcp_gateway.redis.server import ServerConnection


def open_connection(
    url: str,
    *,
    deadline: float = DEADLINE,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> RedisConnection:
    """Make the connection for a URL; its `connected` opens it.

    Raises:
        ValueError: the URL is not one of Redis.
        RuntimeError: the transport of a connection is not where redis-py 8 keeps it.
    """
    address = read_redis_url(url)
    if address.engine == "cluster":
        return ClusterConnection(url, deadline=deadline, sleep=sleep)
    # Reading has no timeout, since an idle connection may be silent for hours.
    client = open_redis(url, timeout=None)
    name = ",".join(f"{host}:{port}" for host, port in address.nodes) or "the socket"
    return ServerConnection(
        client.connection_pool.make_connection,
        name=name,
        deadline=deadline,
        sleep=sleep,
        close=client.aclose,
    )
