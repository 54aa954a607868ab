"""The feed in Redis: one stream for each issuer, which gateways read from its beginning."""

from datetime import timedelta

import structlog

from auth_server.db.engine import Database
from auth_server.records.revocations.store import list_after
from auth_server.revocations.feed import Feed
from gatepost.clock import Now
from gatepost.redis import open_redis
from gatepost.revocations import stream_key

EVERY = 1.0
"""Seconds after which it compares again by itself: a Redis that lost its data is filled anew."""
KEEP = timedelta(days=2)
"""How long the stream holds an entry; longer than any revocation counts."""

log = structlog.get_logger()


class Stream:
    """Brings the stream up to the feed, whatever was published before, and by whom.

    What was published is read off the stream itself: its last entry names a revocation, and what
    follows that one is added. A crash between commit and publishing, a second process, a failover
    that lost the newest entries, or an empty Redis all come to the same. An entry may come twice.
    """

    def __init__(self, url: str, *, issuer: str, database: Database, feed: Feed, now: Now) -> None:
        """Take the places; connects on first use."""
        self._redis = open_redis(url)
        self._key = stream_key(issuer)
        self._database = database
        self._feed = feed
        self._now = now

    async def publish(self) -> None:
        """Add what is missing.

        Raises:
            RedisError: Redis did not take it; nothing is lost.
        """
        while True:
            last = await self._redis.xrevrange(self._key, count=1)
            place = last[0][1].get(b"id", b"").decode() if last else ""
            async with self._database.reading() as db:
                missing = await list_after(db, place, now=self._now())
            if not missing:
                return
            seconds, _ = await self._redis.time()
            oldest = (seconds - int(KEEP.total_seconds())) * 1000
            async with self._redis.pipeline(transaction=False) as pipeline:
                for entry in missing:
                    fields = {
                        "id": entry.revocation_id,
                        "revocation": entry.revocation.model_dump_json(),
                    }
                    pipeline.xadd(self._key, fields, minid=oldest, approximate=True)
                await pipeline.execute()

    async def run(self) -> None:
        """Publish again and again until the feed closes, at once when there is news."""
        while not self._feed.closed:
            newest = self._feed.newest
            try:
                await self.publish()
            except Exception as error:  # noqa: BLE001 - Redis or the database: either comes back
                log.warning("revocations_not_published", kind=type(error).__name__)
            await self._feed.wait_beyond(newest, seconds=EVERY)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
