"""Opening Redis: the same options in both services."""

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_SECONDS = 2


def open_redis(url: str, *, timeout: float | None = 2) -> Any:
    """Make a client that connects on first use and does not retry.

    Args:
        url: of the Redis server.
        timeout: seconds of silence that mean a dead connection, more than a read may block; None
            waits without end.

    Raises:
        ValueError: the URL is not one of a Redis server.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
