"""Copy call events from Redis into the call log, with any number of workers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog
from redis.exceptions import ResponseError

from auth_server.db.engine import Database
from auth_server.gateway_api.read_events import read_entry
from auth_server.gateway_api.write_calls import write_or_refuse
from auth_server.records.refused_events.store import Refused
from gatepost.clock import Now
from gatepost.metering.call_event import (
    EVENTS_FIELD,
    PARTITIONS,
    CallEvent,
    calls_stream,
    events_stream,
)
from gatepost.network.redis import REDIS_ERRORS, open_redis
from gatepost.tracing.jobs import recorded

if TYPE_CHECKING:
    from gatepost.tracing.tracing import Tracing

GROUP = "call-log"
CLAIM_AFTER = 60.0
"""Seconds after which a worker takes over entries that another one took and did not finish."""
_BLOCK = 2.0
_DEAD_AFTER = 3600.0
_ENTRIES = 10
"""Entries in one transaction; each of the stream of refused calls holds up to 500 events."""
_CALLS = 200
"""The same for the other streams, whose entries hold one event: a larger transaction costs each less."""
_PAUSES = (0.2, 1.0, 5.0)
_FIELD = EVENTS_FIELD.encode()

Write = Callable[[Sequence[CallEvent], Sequence[Refused]], Awaitable[object]]
"""Writes events, and keeps apart those that can't be read; raises as `write_or_refuse`."""

log = structlog.get_logger()


class EventsWorker:
    """Consumes the streams of an issuer's gateways, each on its own.

    One stream holds the calls that were refused at once; the others hold the calls that were reserved,
    divided by tenant.
    """

    def __init__(
        self,
        url: str,
        *,
        issuer: str,
        database: Database,
        name: str,
        now: Now,
        tracing: "Tracing | None" = None,
        **options: float,
    ):
        """Take the streams, the database and a unique name; the first step connects to Redis.

        Args:
            url: the Redis.
            issuer: the issuer of the gateways.
            database: the database.
            name: a name that no other worker has.
            now: the clock.
            tracing: records some of the rounds that write.
            options: `claim_after` and `block`, as for `StreamConsumer`.
        """

        async def write(events: Sequence[CallEvent], refused: Sequence[Refused]) -> object:
            async def work() -> object:
                return await write_or_refuse(database, events, refused, now=now())

            return await recorded("write_calls", work, tracing)()

        self._redis = open_redis(url, timeout=options.get("block", _BLOCK) + 5)
        keys = [events_stream(issuer), *(calls_stream(issuer, n) for n in range(PARTITIONS))]
        self._consumers = [
            StreamConsumer(
                self._redis,
                key,
                write=write,
                name=name,
                entries=_CALLS if number else _ENTRIES,
                **options,
            )
            for number, key in enumerate(keys)
        ]

    async def step(self) -> int:
        """Let every consumer do one step; return how many entries were written.

        Raises:
            RedisError, SQLAlchemyError: as for `StreamConsumer.step`.
        """
        return sum(await asyncio.gather(*(consumer.step() for consumer in self._consumers)))

    async def run(self, stopped: asyncio.Event) -> None:
        """Work until stopped, retrying after errors."""
        await asyncio.gather(*(consumer.run(stopped) for consumer in self._consumers))

    async def close(self) -> None:
        """Leave the groups, where no entries are unfinished, and close the connections."""
        for consumer in self._consumers:
            await consumer.leave()
        await self._redis.aclose()


class StreamConsumer:
    """One consumer of one stream.

    An entry is acknowledged and deleted only after its events are committed. If a worker dies in
    between, the next one reads the entry again, and writes none of its events twice. Events that can't
    be read or stored are kept in a table of their own, so that they block no others.
    """

    def __init__(
        self,
        redis: Any,
        key: str,
        *,
        write: Write,
        name: str,
        entries: int = _ENTRIES,
        claim_after: float = CLAIM_AFTER,
        block: float = _BLOCK,
    ) -> None:
        """Take the stream, what writes its events, and a unique name."""
        self._redis = redis
        self._key = key
        self._write = write
        self._name = name
        self._entries = entries
        self._claim_after = int(claim_after * 1000)
        self._block = max(int(block * 1000), 1)
        self._recovering = True
        self._place: bytes | str = "0-0"
        self._tidied = False

    async def step(self) -> int:
        """Write the available entries, or wait briefly for some; return how many were written.

        Raises:
            RedisError: Redis does not answer; nothing is lost.
            SQLAlchemyError: the database does not answer; this worker keeps the entries.
        """
        try:
            entries = await self._read()
        except ResponseError as problem:
            if not str(problem).startswith("NOGROUP"):
                raise
            # The stream is new, or Redis has lost its data.
            await self._make_group()
            return 0
        if not entries:
            return 0
        # Until they are acknowledged, this worker must read them again.
        self._recovering = True
        read = [read_entry((fields or {}).get(_FIELD, b"")) for _, fields in entries]
        events = [event for some, _ in read for event in some]
        refused = [one for _, some in read for one in some]
        await self._write(events, refused)
        ids = [entry for entry, _ in entries]
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xack(self._key, GROUP, *ids)
            pipeline.xdel(self._key, *ids)
            await pipeline.execute()
        self._recovering = False
        return len(entries)

    async def run(self, stopped: asyncio.Event) -> None:
        """Work until stopped, retrying after errors."""
        failures = 0
        while not stopped.is_set():
            try:
                await self.step()
                failures = 0
            except Exception as problem:  # noqa: BLE001 - Redis or the database may recover
                if failures == 0:
                    log.warning("call_events_not_written", kind=type(problem).__name__)
                pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
                failures += 1
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await stopped.wait()

    async def leave(self) -> None:
        """Leave the group, if no entries are unfinished."""
        try:
            pending = await self._redis.xpending_range(
                self._key, GROUP, "-", "+", 1, consumername=self._name
            )
            if not pending:
                await self._redis.xgroup_delconsumer(self._key, GROUP, self._name)
        except REDIS_ERRORS:
            pass  # only the consumer's name remains

    async def _read(self) -> list[tuple[bytes, dict[bytes, bytes]]]:
        if self._recovering and (mine := await self._take("0", block=None)):
            return mine
        if not self._tidied:
            await self._forget_the_dead()
            self._tidied = True
        # If an answer is lost from here on, its entries are this worker's without its knowledge.
        self._recovering = True
        self._place, left, *_ = await self._redis.xautoclaim(
            self._key, GROUP, self._name, self._claim_after, self._place, count=self._entries
        )
        found = left or await self._take(">", block=self._block)
        self._recovering = False
        return found

    async def _take(
        self, place: str, *, block: int | None
    ) -> list[tuple[bytes, dict[bytes, bytes]]]:
        answer = await self._redis.xreadgroup(
            GROUP, self._name, {self._key: place}, count=self._entries, block=block
        )
        return [entry for _, found in answer or () for entry in found]

    async def _forget_the_dead(self) -> None:
        """Delete the names of workers that died and have no unfinished entries."""
        for worker in await self._redis.xinfo_consumers(self._key, GROUP):
            if worker["pending"] == 0 and worker["idle"] > _DEAD_AFTER * 1000:
                await self._redis.xgroup_delconsumer(self._key, GROUP, worker["name"])

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(self._key, GROUP, id="0", mkstream=True)
        except ResponseError as problem:
            if not str(problem).startswith("BUSYGROUP"):
                raise
