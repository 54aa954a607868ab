"""Count calls and units in this process alone."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from gatepost.clock import Now
from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import UsedUnits, month_of
from gatepost.metering.rate import take
from mcp_gateway.limits.counters import counters_from, split_month
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
from mcp_gateway.limits.seeding import Seeding
from mcp_gateway.limits.share import Share

_MANY = 50_000

log = structlog.get_logger()


class LocalRates:
    """The buckets of one process, which gets its share of each limit."""

    def __init__(self, now: Now, share: Share | None = None) -> None:
        """Take the number of processes that share each limit, which may change."""
        self._now = now
        self._share = share or Share()
        self._busy_until: dict[tuple[str, str], int] = {}

    def take(self, tenant_id: str, buckets: Sequence[Bucket]) -> Full | None:
        """Take capacity from every bucket, or from none."""
        now, processes = int(self._now().timestamp() * 1_000_000), self._share.processes
        taken = []
        for bucket in buckets:
            key = (tenant_id, bucket.name)
            busy_until, wait = take(
                self._busy_until.get(key, 0),
                now,
                interval=bucket.interval * processes,
                burst=max(bucket.burst // processes, 1),
            )
            if wait > 0:
                return Full(bucket.name, wait / 1_000_000)
            taken.append((key, busy_until))
        if len(self._busy_until) >= _MANY:
            self._forget(now)
        self._busy_until.update(taken)
        return None

    def full_in(self, tenant_id: str, buckets: Sequence[Bucket]) -> int | None:
        """Return the microseconds until the first bucket is full again."""
        if not buckets:
            return None
        now = int(self._now().timestamp() * 1_000_000)
        return max(self._busy_until.get((tenant_id, buckets[0].name), 0) - now, 0)

    def _forget(self, now: int) -> None:
        """Drop the buckets that are full: they count nothing."""
        kept = {key: until for key, until in self._busy_until.items() if until > now}
        self._busy_until = kept if len(kept) < _MANY else {}


class LocalLimits:
    """Counts in memory. A month's counters start from what the ledger holds.

    The journal keeps intents and events over a restart. Each of several processes allows its share of
    every limit, since it does not see what the others count.
    """

    def __init__(
        self, now: Now, journal: Journal, read_usage: ReadUsage, share: Share | None = None
    ) -> None:
        """Take the clock, the journal, the source of used units, and the number of processes."""
        self._share = share or Share()
        self._now = now
        self._journal = journal
        self._rates = LocalRates(now, self._share)
        self._replicas = self._share.processes
        """What the counters are a share of."""
        self._months: OrderedDict[tuple[str, str], Counter[str]] = OrderedDict()
        self._unseeded: set[tuple[str, str]] = set()
        """Months that are counted without what the ledger holds, until it answers."""
        self._seeding = Seeding(self._read_whole_usage, now)
        self._read_usage = read_usage
        self._running: Counter[str] = Counter()
        self._held: dict[str, Reservation] = {}
        self._given_back: dict[str, None] = {}
        """Calls that were not settled in time, and may still be."""

    async def take(self, tenant_id: str, buckets: Sequence[Bucket]) -> Full | None:
        """Take capacity from every bucket, or from none."""
        return self._rates.take(tenant_id, buckets)

    async def reserve(self, wanted: Reservation) -> Reservation | Refusal:
        """Reserve everything, or nothing; the intent is on the disk when this returns."""
        if wanted.call_id in self._held:
            return self._held[wanted.call_id]
        if self._share.processes != self._replicas:
            self._follow_share()
        key = (wanted.tenant_id, wanted.month)
        counters: Counter[str] | Uncountable | None = self._months.get(key)
        if counters is None or (wanted.quotas and key in self._unseeded):
            counters = await self._open_month(wanted)
        if isinstance(counters, Uncountable):
            return counters
        # Nothing is awaited between these checks and the changes, so no other call comes between.
        refusal = self._refuse(wanted, counters)
        if refusal is not None:
            return refusal
        self._add(wanted, wanted.units)
        self._running[wanted.tenant_id] += 1
        held = wanted._replace(
            full_in=self._rates.full_in(wanted.tenant_id, wanted.buckets),
            used=tuple(counters[quota.counter] * self._replicas for quota in wanted.quotas),
        )
        self._held[wanted.call_id] = held
        due = self._now().timestamp() + wanted.lease
        await self._journal.store_intent(wanted.call_id, due, wanted.intent)
        return held

    async def settle(self, held: Reservation, event: CallEvent) -> None:
        """Replace the reserved units by the cost, and store the event on the disk."""
        late = held.call_id in self._given_back
        if self._give_back(held.call_id) or late:
            self._given_back.pop(held.call_id, None)
            self._add(held, event.cost)
        await self._journal.store_event(held.call_id, event)

    async def reap(self) -> None:
        """Give back the units of calls that were not settled within their lease."""
        for call_id in await self._journal.take_due_intents(self._now().timestamp()):
            if self._give_back(call_id):
                self._given_back[call_id] = None
                if len(self._given_back) > _MANY:
                    del self._given_back[next(iter(self._given_back))]

    def describe(self) -> str:
        """Describe where calls are counted."""
        return "counted by this process"

    def _refuse(self, wanted: Reservation, counters: Counter[str]) -> Refusal | None:
        for quota in wanted.quotas:
            used = counters[quota.counter]
            if used + wanted.units > quota.most // self._replicas:
                return Exhausted(quota.counter, used * self._replicas)
        if wanted.concurrent is not None:
            most = max(wanted.concurrent // self._replicas, 1)
            if self._running[wanted.tenant_id] >= most:
                return TooManyRunning(wanted.concurrent)
        return self._rates.take(wanted.tenant_id, wanted.buckets)

    def _follow_share(self) -> None:
        """Keep what all processes together have used, of which this one counts another share now."""
        before, self._replicas = self._replicas, self._share.processes
        for counters in self._months.values():
            for counter, used in counters.items():
                counters[counter] = -(-used * before // self._replicas)

    def _give_back(self, call_id: str) -> bool:
        held = self._held.pop(call_id, None)
        if held is None:
            return False
        self._running[held.tenant_id] -= 1
        if not self._running[held.tenant_id]:
            del self._running[held.tenant_id]
        self._add(held, -held.units)
        return True

    def _add(self, held: Reservation, units: int) -> None:
        counters = self._months.get((held.tenant_id, held.month))
        if counters is not None and units:
            for counter in held.counters:
                counters[counter] += units

    async def _open_month(self, wanted: Reservation) -> Counter[str] | Uncountable:
        key = (wanted.tenant_id, wanted.month)
        try:
            used = await self._seeding.read(wanted.tenant_id, *split_month(wanted.month))
        except UsageUnknown as problem:
            if wanted.quotas and not wanted.allow_uncounted:
                return Uncountable(str(problem))
            if key not in self._months:
                self._unseeded.add(key)
        else:
            self._seed(key, used)
        return self._months.setdefault(key, Counter())

    async def _read_whole_usage(self, tenant_id: str, month: str, env: str) -> UsedUnits:
        """Read what the ledger holds once it has the calls that wait on this machine's disk."""
        if not await self._journal.deliver_stored():
            raise UsageUnknown("events of this machine are not delivered yet")
        return await self._read_usage(tenant_id, month, env)

    def _seed(self, key: tuple[str, str], used: UsedUnits) -> None:
        if key in self._months and key not in self._unseeded:
            return  # another call did it meanwhile
        seeds = {name: -(-units // self._replicas) for name, units in counters_from(used).items()}
        counted = Counter(seeds)
        for held in self._held.values():
            if (held.tenant_id, held.month) == key:
                counted.update(dict.fromkeys(held.counters, held.units))
        # The ledger has every call of this process that was settled before it was asked.
        self._months[key] = self._months.get(key, Counter()) | counted
        self._unseeded.discard(key)
        self._forget_months()

    def _forget_months(self) -> None:
        """Drop the counters of months that are over, a day after their end."""
        oldest = month_of(_a_day_before(self._now()))
        while self._months:
            (tenant_id, month), _ = next(iter(self._months.items()))
            if month >= oldest:
                return
            del self._months[tenant_id, month]
            self._unseeded.discard((tenant_id, month))


def _a_day_before(at: datetime) -> datetime:
    return at.astimezone(UTC) - timedelta(days=1)
