"""Take events from calls and deliver every one of them."""

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import orjson
import structlog

from gatepost.health import EventsReport
from gatepost.metering.call_event import (
    MOST_EVENTS,
    CallEvent,
    MalformedEvent,
    read_event,
    take_batch,
    write_event,
)
from mcp_gateway.call_events.port import Delivery, DeliveryFailed
from mcp_gateway.call_events.spool import Spool, SpoolBroken, StoredEvent, StoredIntent

LINGER = 0.05
"""Seconds that an event waits for others: writing them together makes each one cheap."""
_MOST_WAITING = 50_000
_PATIENCE = 5.0
"""Seconds for the delivery of everything in the spool, at the end or when somebody waits."""
_PAUSES = (0.2, 1.0, 5.0, 30.0)

_T = TypeVar("_T")
WriteLog = Callable[[Sequence[bytes]], None]

log = structlog.get_logger()


class Recorder:
    """Takes events without making a call wait, and delivers them in the background.

    Over HTTP, events go into the spool first and are delivered from there. If the delivery is as
    fast as the disk (`direct`), the spool only takes events while the delivery fails. Events that the
    disk does not take are delivered at once; only those that don't arrive are lost.
    """

    def __init__(
        self,
        delivery: Delivery,
        spool: Spool,
        *,
        direct: bool,
        write_log: WriteLog,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the delivery and the spool; nothing is written before `running`.

        Args:
            delivery: delivers events to the call log.
            spool: stores events until then; used from one other thread, and closed at the end.
            direct: whether to deliver first and spool only the events that failed.
            write_log: writes the events' log lines.
            sleep: waits for that many seconds.
        """
        self._delivery = delivery
        self._spool = spool
        self._direct = direct
        self._write_log = write_log
        self._sleep = sleep
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="event-spool")
        self._waiting: list[CallEvent] = []
        self._unlogged: list[bytes] = []
        """Events that are stored, but whose log lines are not written yet."""
        self._unstored: list[bytes] = []
        self._broken = ""
        """Why the spool did not take them."""
        self._entries: list[tuple[StoredIntent | StoredEvent, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self._delivering: asyncio.TimerHandle | None = None
        self._due = asyncio.Event()
        self._spooled = asyncio.Event()
        self._closing = False
        self._failing = False
        self._lost = 0

    def record(self, event: CallEvent) -> None:
        """Take an event; it is stored a moment later, without making the call wait."""
        if len(self._waiting) >= _MOST_WAITING:
            self._lose(1, "they come faster than they can be written")
            return
        self._waiting.append(event)
        self._linger()

    def log(self, event: bytes) -> None:
        """Write the log line of a written event that is stored elsewhere, a moment later."""
        if len(self._unlogged) < _MOST_WAITING:
            self._unlogged.append(event)
            self._linger()

    async def store_intent(self, call_id: str, due: float, intent: bytes) -> None:
        """Store an intent on the disk until the call's event is stored, or until it is due."""
        await self._commit(StoredIntent(call_id, due, intent))

    async def store_event(self, call_id: str, event: CallEvent) -> None:
        """Store an event on the disk in place of the call's intent, and deliver it later."""
        written = write_event(event)
        self.log(written)
        await self._commit(StoredEvent(call_id, written))
        if self._delivering is None:
            self._delivering = asyncio.get_running_loop().call_later(LINGER, self._deliver_next)

    async def take_due_intents(self, now: float) -> Sequence[str]:
        """Turn the intents that are due into events, and return their call ids."""
        try:
            due = await self._in_thread(lambda: self._spool.take_due(now))
        except SpoolBroken as problem:
            log.warning("intents_not_read", reason=str(problem)[:300])
            return ()
        if due:
            log.warning("calls_of_unknown_outcome", calls=len(due))
            self._spooled.set()
        return due

    async def deliver_stored(self) -> bool:
        """Deliver the events of the spool now; return whether all of them arrived."""
        try:
            async with asyncio.timeout(_PATIENCE):
                while len(self._spool):
                    await self._deliver()
        except (DeliveryFailed, SpoolBroken, TimeoutError) as problem:
            self._say(problem)
            return False
        return True

    def describe(self) -> str:
        """Summarise how many events are waiting and how many were lost."""
        states = []
        if waiting := len(self._spool):
            states.append(f"{waiting} wait to be delivered")
        if self._lost:
            states.append(f"{self._lost} lost")
        return ", ".join(states) or "delivered"

    async def report(self) -> EventsReport:
        """Return how many events are waiting and were lost, and when the oldest one happened."""
        oldest_at = None
        # A broken spool is noticed when events are lost.
        with suppress(SpoolBroken, MalformedEvent, orjson.JSONDecodeError):
            for _, oldest in await self._in_thread(lambda: self._spool.first(1)):
                oldest_at = read_event(orjson.loads(oldest)).at
        return EventsReport(waiting=len(self._spool), oldest_at=oldest_at, lost=self._lost)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Store and deliver events while the block lasts; at its end, store the rest and try again."""
        if len(self._spool):
            self._spooled.set()
        keeping = asyncio.create_task(self._keep_on())
        delivering = asyncio.create_task(self._deliver_on())
        try:
            yield
        finally:
            self._closing = True
            self._due.set()
            await keeping
            if self._committing is not None:
                await self._committing
            await self._send_unstored()
            delivering.cancel()
            await asyncio.wait({delivering})
            # The disk may go with this process, as in a container.
            if not await self.deliver_stored():
                log.warning("call_events_left_in_spool", events=len(self._spool))
            await self._in_thread(self._spool.close)
            self._thread.shutdown()

    async def _keep_on(self) -> None:
        while not self._closing or self._waiting or self._unlogged or self._unstored:
            await self._due.wait()
            self._due.clear()
            self._lingering = None
            unlogged, self._unlogged = self._unlogged, []
            if unlogged:
                self._write_log(unlogged)
            events, self._waiting = self._waiting, []
            if events:
                await self._keep([write_event(event) for event in events])
            await self._send_unstored()
            if self._closing:
                self._due.set()

    def _linger(self) -> None:
        if self._lingering is None:
            self._lingering = asyncio.get_running_loop().call_later(LINGER, self._due.set)

    def _deliver_next(self) -> None:
        self._delivering = None
        self._spooled.set()

    async def _commit(self, entry: StoredIntent | StoredEvent) -> None:
        """Store an entry together with those that wait while another commit is under way."""
        stored = asyncio.get_running_loop().create_future()
        self._entries.append((entry, stored))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        await stored

    async def _commit_all(self) -> None:
        while self._entries:
            taken, self._entries = self._entries, []
            entries = [entry for entry, _ in taken]
            try:
                dropped = await self._in_thread(functools.partial(self._spool.commit, entries))
                if dropped:
                    self._lose(dropped, "the spool is full")
            except SpoolBroken as problem:
                # An intent that is not stored matters only if this process dies before its event.
                events = [entry.event for entry in entries if isinstance(entry, StoredEvent)]
                self._deliver_unstored(events, problem)
            finally:
                for _, stored in taken:
                    if not stored.done():
                        stored.set_result(None)
        self._committing = None

    async def _keep(self, events: list[bytes]) -> None:
        try:
            self._write_log(events)
            if self._direct:
                events = events[await self._send(events) :]
            if events:
                kept = await self._in_thread(lambda: self._spool.add(events))
                self._spooled.set()
                if kept < len(events):
                    self._lose(len(events) - kept, "the spool is full")
        except SpoolBroken as problem:
            self._deliver_unstored(events, problem)
        except Exception:  # a fault here must not stop later events
            self._lost += len(events)
            log.exception("call_events_lost", events=len(events))

    def _deliver_unstored(self, events: list[bytes], problem: SpoolBroken) -> None:
        self._broken = f"the spool is broken: {problem}"
        room = _MOST_WAITING - len(self._unstored)
        self._unstored += events[:room]
        if len(events) > room:
            self._lose(len(events) - room, self._broken)
        self._linger()

    async def _send_unstored(self) -> None:
        events, self._unstored = self._unstored, []
        if events and (missing := len(events) - await self._send(events)):
            self._lose(missing, self._broken)

    async def _send(self, events: list[bytes]) -> int:
        """Deliver immediately; return how many events certainly arrived."""
        arrived = 0
        try:
            while arrived < len(events):
                taken = take_batch(events[arrived : arrived + MOST_EVENTS])
                await self._delivery.send(events[arrived : arrived + taken])
                arrived += taken
            self._failing = False
        except DeliveryFailed as problem:
            self._say(problem)
        return arrived

    async def _deliver_on(self) -> None:
        failures = 0
        while True:
            await self._spooled.wait()
            try:
                await self._deliver()
                failures = 0
            except (DeliveryFailed, SpoolBroken) as problem:
                self._say(problem)
            except Exception:  # an unexpected error must not end the delivery
                log.exception("call_events_not_delivered")
            else:
                continue
            pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
            failures += 1
            await self._sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - not a secret

    async def _deliver(self) -> None:
        """Deliver the oldest events of the spool, then remove them from it."""
        self._spooled.clear()
        try:
            found = await self._in_thread(lambda: self._spool.first(MOST_EVENTS))
            taken = found[: take_batch([event for _, event in found])]
            if not taken:
                return
            await self._delivery.send([event for _, event in taken])
            self._failing = False
            await self._in_thread(lambda: self._spool.remove(taken[-1][0]))
        except BaseException:
            self._spooled.set()
            raise
        if len(taken) == MOST_EVENTS or len(taken) < len(found):
            self._spooled.set()  # events that are stored meanwhile are delivered together, later

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _say(self, problem: Exception) -> None:
        if not self._failing:
            log.warning("call_events_not_delivered", reason=str(problem)[:300])
        self._failing = True

    def _lose(self, events: int, why: str) -> None:
        if not self._lost:
            log.error("call_events_lost", reason=why)
        self._lost += events
