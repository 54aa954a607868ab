"""Announce revocations while the service runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from auth_server.db.engine import Database
from auth_server.revocations.feed import RevocationFeed
from gatepost.clock import Now


@asynccontextmanager
async def announcing(
    database: Database, now: Now, *, issuer: str, redis_url: str | None
) -> AsyncIterator[RevocationFeed]:
    """Run the feed and, if Redis is configured, the stream in Redis."""
    feed = RevocationFeed(database, now)
    loops = [asyncio.create_task(feed.run())]
    redis_feed = None
    if redis_url is not None:
        # Imported here, because it is slow to import and used only with Redis.
        from auth_server.revocations.redis_feed import RedisRevocationFeed

        redis_feed = RedisRevocationFeed(
            redis_url, issuer=issuer, database=database, feed=feed, now=now
        )
        loops.append(asyncio.create_task(redis_feed.run()))
    try:
        yield feed
    finally:
        # The loops end without being cancelled, which would break a query's connection.
        feed.close()
        await asyncio.gather(*loops)
        if redis_feed is not None:
            await redis_feed.close()
