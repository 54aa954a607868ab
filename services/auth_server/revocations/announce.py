"""What announces revocations for as long as the service runs."""

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
    """Keep the feed going, and the stream in Redis where there is one."""
    feed = Feed(database, now)
    loops = [asyncio.create_task(feed.run())]
    stream = None
    if redis_url is not None:
        from auth_server.revocations.redis_feed import (
            Stream,  # costs what nobody without Redis needs
        )

        stream = Stream(redis_url, issuer=issuer, database=database, feed=feed, now=now)
        loops.append(asyncio.create_task(stream.run()))
    try:
        yield feed
    finally:
        # Asked to end, not cancelled: a query cut off in the middle costs its connection.
        feed.close()
        await asyncio.gather(*loops)
        if stream is not None:
            await stream.close()
