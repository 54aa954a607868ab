"""Announce revocations while the service runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from auth_server.db.engine import Database
from auth_server.revocations.feed import Feed
from gatepost.clock import Now


@asynccontextmanager
async def announcing(
    database: Database, now: Now, *, issuer: str, redis_url: str | None
) -> AsyncIterator[Feed]:
    """Run the feed and, if Redis is configured, the stream in Redis."""
    feed = Feed(database, now)
    loops = [asyncio.create_task(feed.run())]
    stream = None
    if redis_url is not None:
        from auth_server.revocations.redis_feed import (
            Stream,  # slow to import, and used only with Redis
        )

        stream = Stream(redis_url, issuer=issuer, database=database, feed=feed, now=now)
        loops.append(asyncio.create_task(stream.run()))
    try:
        yield feed
    finally:
        # The loops end by themselves, because cancelling a query would break its connection.
        feed.close()
        await asyncio.gather(*loops)
        if stream is not None:
            await stream.close()
