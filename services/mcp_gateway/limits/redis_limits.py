"""Count calls and units in Redis, for all processes of a gateway together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zlib import crc32

import orjson
import structlog

from gatepost.clock import Now
from gatepost.metering.call_event import (
    PARTITIONS,
    CallEvent,
    calls_stream,
    partition_tag,
    read_event,
    write_event,
)
from gatepost.metering.plans import UsedUnits, end_of_month
from mcp_gateway.limits.counters import (
    counters_from,
    counters_of,
    month_counters,
    split_month,
)
from mcp_gateway.limits.local_limits import LocalRates
from mcp_gateway.limits.port import (
    Bucket,
    Exhausted,
    Full,
    Journal,
    ReadUsage,
    Refusal,
    Reservation,
    TooManyRunning,
    Uncountable,
    UsageUnknown,
)
from mcp_gateway.limits.recent_settlements import RecentSettlements
from mcp_gateway.limits.redis_scripts import REAP, RESERVE, SEED, SETTLE, TAKE
from mcp_gateway.limits.seeding import Seeding
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.resp import Argument, RedisUnavailable, write_command
from mcp_gateway.redis.script import RedisScript

MOST_ENTRIES = 20_000
"""Length at which a partition's stream counts as full: the worker has stopped, and Redis has other data
to hold. The spool on the disk has more room."""
_KEEP = timedelta(days=3)
"""How long the counters of a month outlive it, for calls that are settled late."""
_AT_ONCE = 100
_TIME = write_command(("TIME",))

log = structlog.get_logger()


class StreamFull(RedisUnavailable):
    """The call is settled, but its event must wait, since no worker reads the stream."""


class RedisLimits:
    """Counts in Redis by Redis's clock.

    While Redis is down, each process allows its share of every rate, a tenant's plan says whether calls
    pass that can't be counted, and events go to the journal.
    """

    def __init__(
        self,
        redis: RedisConnection,
        *,
        issuer: str,
        journal: Journal,
        rates: LocalRates,
        read_usage: ReadUsage,
        now: Now,
        by_clock: bool = False,
        most_entries: int = MOST_ENTRIES,
    ) -> None:
        """Take the connection that the whole gateway shares.

        Args:
            redis: the connection.
            issuer: separates the counts of one deployment from another's.
            journal: stores events that Redis does not take.
            rates: counts while Redis is down.
            read_usage: tells what the ledger holds, when a tenant's month is first counted.
            now: the clock, for the calendar.
            most_entries: the length at which a stream of calls counts as full.
            by_clock: whether `now` decides about rates and leases too, instead of Redis's clock.
        """
        self._redis = redis
        self._issuer = issuer
        self._journal = journal
        self._rates = rates
        self._now = now
        self._by_clock = by_clock
        self._most_entries = most_entries
        self._seeding = Seeding(read_usage, now)
        self._away: set[int] = set()
        """The partitions whose server did not answer the last time."""
        (
            self._reserve_script,
            self._settle_script,
            self._reap_script,
            self._seed_script,
            self._take,
        ) = (RedisScript(redis, text) for text in (RESERVE, SETTLE, REAP, SEED, TAKE))
        self._recent = RecentSettlements(redis, self._send_settlement)

    async def take(self, tenant_id: str, buckets: Sequence[Bucket]) -> Full | None:
        """Take capacity in every bucket, or in none."""
        keys = self._bucket_keys(tenant_id, buckets)
        arguments: list[Argument] = [self._time()]
        for bucket in buckets:
            arguments += (bucket.interval, bucket.burst)
        try:
            which, wait = await self._take.run(keys, arguments)
        except RedisUnavailable as problem:
            self._note_away(tenant_id, problem)
            return self._rates.take(tenant_id, buckets)
        self._note_back(tenant_id)
        return Full(buckets[which - 1].name, int(wait) / 1_000_000) if which else None

    async def reserve(self, wanted: Reservation) -> Reservation | Refusal:
        """Reserve everything that the call needs, or nothing."""
        try:
            reply = await self._reserve(wanted, seeded=not wanted.quotas)
            if reply[0] == b"unseeded":
                known = await self._seed(wanted)
                if isinstance(known, Uncountable):
                    return known
                reply = await self._reserve(wanted, seeded=not known)
        except RedisUnavailable as problem:
            self._note_away(wanted.tenant_id, problem)
            return await self._admit_uncounted(wanted, str(problem))
        self._note_back(wanted.tenant_id)
        kind = reply[0]
        if kind == b"reserved":
            if len(reply) == 1:
                return wanted  # a repeated command
            full_in, *used = map(int, reply[1:])
            return wanted._replace(full_in=full_in, used=tuple(used))
        if kind == b"full":
            return Full(wanted.buckets[reply[1]].name, int(reply[2]) / 1_000_000)
        if kind == b"running":
            return TooManyRunning(wanted.concurrent or 0)
        return Exhausted(reply[1].decode(), int(reply[2]))

    async def settle(self, held: Reservation, event: CallEvent) -> None:
        """Replace the reserved units by the cost, and store the event in Redis or on the disk."""
        if not held.counted:
            event = event._replace(counted=False)
        try:
            written = await self.settle_event(event)
        except StreamFull:
            await self._journal.store_event(held.call_id, event)
        except RedisUnavailable as problem:
            self._note_away(event.tenant_id, problem)
            await self._journal.store_event(held.call_id, event)
        else:
            self._journal.log(written)

    async def settle_event(self, event: CallEvent) -> bytes:
        """Settle a call by its event alone, also one from the spool.

        Returns:
            The written event.

        Raises:
            RedisUnavailable: nothing, or everything, has happened; repeat it.
        """
        month = month_counters(event.at, event.env)
        names = counters_of(
            event.at, sub=event.sub, client_id=event.client_id, grant_id=event.grant_id
        )
        known = (event.tenant_id, month, names)
        if (ends := self._settle_script.recall(known)) is None:
            keys = self._keys(event.tenant_id, month)
            ends = self._settle_script.write(
                known,
                keys=(
                    keys.intents,
                    keys.payloads,
                    keys.running,
                    keys.units,
                    keys.given_back,
                    keys.counted_late,
                    keys.calls,
                ),
                changing=5,
                constant=(
                    int((end_of_month(event.at) + _KEEP).timestamp()),
                    self._most_entries,
                    *names,
                ),
            )
        written = write_event(event)
        changing = (self._time(), event.call_id, event.cost, int(event.counted), written)
        command = ends.fill(changing)
        await self._send_settlement(command, ends.key)
        self._recent.add(command, ends.key)
        return written

    async def _send_settlement(self, command: bytes, key: str) -> None:
        reply = await self._settle_script.run_written(command, key)
        if reply[0] == b"full":
            raise StreamFull("the stream is full; is an events-worker running?")

    async def reap(self) -> None:
        """Give back the units of calls that no gateway settled within their lease.

        After a failover, this process's last settlements are repeated first.

        Raises:
            RedisUnavailable: some are left for the next time.
        """
        await self._recent.repeat()
        problem: RedisUnavailable | None = None
        for partition in range(PARTITIONS):
            try:
                await self._reap_partition(partition)
            except RedisUnavailable as raised:
                problem = raised  # the other partitions may be on other servers
            else:
                self._away.discard(partition)
        if problem is not None:
            raise problem

    async def _reap_partition(self, partition: int) -> None:
        prefix = f"gatepost:{partition_tag(self._issuer, partition)}"
        intents = f"{prefix}:intents"
        until = self._time() // 1000 or await self._redis_milliseconds(intents)
        ids = await self._redis.ask("ZRANGEBYSCORE", intents, "-inf", until, "LIMIT", 0, _AT_ONCE)
        if not ids:
            return
        payloads = await self._redis.ask("HMGET", f"{prefix}:intent", *ids)
        await asyncio.gather(
            *(self._reap(one, payload or b"") for one, payload in zip(ids, payloads, strict=True))
        )

    async def _reap(self, call_id: bytes, payload: bytes) -> None:
        _, _, intent = payload.partition(b" ")
        event = read_event(orjson.loads(intent))
        keys = self._keys(event.tenant_id, month_counters(event.at, event.env))
        names = counters_of(
            event.at, sub=event.sub, client_id=event.client_id, grant_id=event.grant_id
        )
        await self._reap_script.run(
            (keys.intents, keys.payloads, keys.running, keys.units, keys.given_back, keys.calls),
            (self._time(), call_id, intent, *names),
        )

    def describe(self) -> str:
        """Describe where calls are counted."""
        away = bool(self._away) or not self._redis.is_up
        return "counted by each process: Redis is down" if away else "counted in Redis"

    async def _reserve(self, wanted: Reservation, *, seeded: bool) -> Any:
        known = (
            wanted.tenant_id,
            wanted.month,
            wanted.counters,
            wanted.quotas,
            wanted.buckets,
            wanted.concurrent,
            seeded,
        )
        if (ends := self._reserve_script.recall(known)) is None:
            keys = self._keys(wanted.tenant_id, wanted.month)
            quotas = [part for quota in wanted.quotas for part in quota[:2]]
            buckets = [part for bucket in wanted.buckets for part in bucket[1:]]
            ends = self._reserve_script.write(
                known,
                keys=(
                    keys.intents,
                    keys.payloads,
                    keys.running,
                    keys.units,
                    *self._bucket_keys(wanted.tenant_id, wanted.buckets),
                ),
                changing=5,
                constant=(
                    -1 if wanted.concurrent is None else wanted.concurrent,
                    self._expiry(),
                    int(seeded),
                    len(wanted.quotas),
                    len(wanted.counters),
                    *quotas,
                    *wanted.counters,
                    *buckets,
                ),
            )
        lease = int(wanted.lease * 1000)
        changing = (self._time(), wanted.call_id, lease, wanted.intent, wanted.units)
        return await self._reserve_script.run_written(ends.fill(changing), ends.key)

    async def _seed(self, wanted: Reservation) -> bool | Uncountable:
        """Start a month's counters from the ledger; return whether that was possible."""
        try:
            used = await self._seeding.read(wanted.tenant_id, *split_month(wanted.month))
        except UsageUnknown as problem:
            if not wanted.allow_uncounted:
                return Uncountable(str(problem))
            return False
        await self._seed_script.run(
            (self._keys(wanted.tenant_id, wanted.month).units,),
            (self._expiry(), *_flat(used)),
        )
        return True

    async def _admit_uncounted(self, wanted: Reservation, reason: str) -> Reservation | Refusal:
        if wanted.quotas and not wanted.allow_uncounted:
            return Uncountable(reason)
        refusal = self._rates.take(wanted.tenant_id, wanted.buckets)
        if refusal is not None:
            return refusal
        return wanted._replace(counted=False)

    def _keys(self, tenant_id: str, month: str) -> "_Keys":
        partition = _partition(tenant_id)
        prefix = f"gatepost:{partition_tag(self._issuer, partition)}"
        return _Keys(
            intents=f"{prefix}:intents",
            payloads=f"{prefix}:intent",
            running=f"{prefix}:running:{tenant_id}",
            units=f"{prefix}:units:{tenant_id}:{month}",
            given_back=f"{prefix}:given-back",
            counted_late=f"{prefix}:counted-late",
            calls=calls_stream(self._issuer, partition),
        )

    def _bucket_keys(self, tenant_id: str, buckets: Sequence[Bucket]) -> list[str]:
        tag = partition_tag(self._issuer, _partition(tenant_id))
        return [f"gatepost:{tag}:rate:{tenant_id}:{bucket.name}" for bucket in buckets]

    def _time(self) -> int:
        return int(self._now().timestamp() * 1_000_000) if self._by_clock else 0

    async def _redis_milliseconds(self, key: str) -> int:
        seconds, microseconds = await self._redis.ask_written(_TIME, key)
        return int(seconds) * 1000 + int(microseconds) // 1000

    def _expiry(self) -> int:
        return int((end_of_month(self._now()) + _KEEP).timestamp())

    def _note_away(self, tenant_id: str, problem: Exception) -> None:
        partition = _partition(tenant_id)
        if partition not in self._away:
            reason = str(problem)[:300]
            log.warning("calls_counted_locally", partition=partition, reason=reason)
        self._away.add(partition)

    def _note_back(self, tenant_id: str) -> None:
        if self._away:
            self._away.discard(_partition(tenant_id))


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of one tenant's month, all in one slot."""

    intents: str
    payloads: str
    running: str
    units: str
    given_back: str
    counted_late: str
    calls: str


def _partition(tenant_id: str) -> int:
    return crc32(tenant_id.encode()) % PARTITIONS


def _flat(used: UsedUnits) -> list[Argument]:
    flat: list[Argument] = []
    for counter, units in counters_from(used).items():
        flat += (counter, units)
    return flat
