"""The revocation feed in Redis: one stream for each issuer, which gateways read from the start."""

from datetime import timedelta

import structlog

from auth_server.db.engine import Database
from auth_server.records.revocations.store import list_after
from auth_server.revocations.feed import RevocationFeed
from gatepost.clock import Now
from gatepost.network.redis import open_redis
from gatepost.revocations import stream_key

EVERY = 1.0
"""Seconds between comparisons, so that a Redis that has lost its data is filled again."""
KEEP = timedelta(days=2)
"""How long the stream keeps an entry, which is longer than any revocation is live."""

log = structlog.get_logger()


class RedisRevocationFeed:
    """Adds to the stream whatever it lacks of the feed.

    The last entry of the stream names a revocation, and those after it are added. This also covers
    a crash between commit and publishing, a second process, a failover that lost the newest
    entries, and an empty Redis. An entry may appear twice.
    """

    def __init__(
        self, url: str, *, issuer: str, database: Database, feed: RevocationFeed, now: Now
    ) -> None:
        """Take the feed and the database; the first publication connects to Redis."""
        self._redis = open_redis(url)
        self._key = stream_key(issuer)
        self._database = database
        self._feed = feed
        self._now = now

    async def publish(self) -> None:
        """Add the missing revocations to the stream.

        Raises:
            RedisError: Redis did not accept them; nothing is lost.
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
        """Publish repeatedly, and at once after a change of the feed, until it closes."""
        while not self._feed.closed:
            newest = self._feed.newest
            try:
                await self.publish()
            except Exception as error:  # noqa: BLE001 - Redis or the database may recover
                log.warning("revocations_not_published", kind=type(error).__name__)
            await self._feed.wait_beyond(newest, seconds=EVERY)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
