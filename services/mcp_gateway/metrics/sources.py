"""What is read when somebody asks for the page."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path

from gatepost.clock import Now
from gatepost.health import EventsReport, RedisReport
from gatepost.metrics.series import Metric, Page, Values
from mcp_gateway.metrics.names import (
    BREAKERS,
    EVENTS_LOST,
    EVENTS_OLDEST,
    EVENTS_WAITING,
    REDIS_UP,
    SPOOL,
    STREAM,
    STREAM_OLDEST,
)
from mcp_gateway.upstream.guards import Guards

_STATES = {"closed": 0.0, "probing": 1.0, "open": 2.0}


def add_ages(page: Page, heard: Mapping[Metric, Callable[[], datetime | None]], now: Now) -> None:
    """Add the ages of what the gateway hears of; nothing heard is not shown."""

    def age_of(read: Callable[[], datetime | None]) -> Callable[[], Values]:
        return lambda: _age(read(), now())

    for metric, read in heard.items():
        page.read(metric, age_of(read))


def add_guards(page: Page, guards: Guards) -> None:
    """Add the circuit breakers that have seen a call."""
    page.read(
        BREAKERS,
        lambda: {(one.api, one.kind, one.name): _STATES[one.state] for one in guards.report()},
    )


def add_events(
    page: Page, report: Callable[[], Awaitable[EventsReport]], spool: Path, now: Now
) -> None:
    """Add the call events that wait."""

    async def read() -> tuple[Values, ...]:
        events = await report()
        size = sum(
            file.stat().st_size
            for file in (spool, spool.with_name(f"{spool.name}-wal"))
            if file.exists()
        )
        return (
            {(): float(events.waiting)},
            _age(events.oldest_at, now()) or {(): 0.0},
            {(): float(events.lost)},
            {(): float(size)},
        )

    page.read_together((EVENTS_WAITING, EVENTS_OLDEST, EVENTS_LOST, SPOOL), read)


def add_redis(page: Page, report: Callable[[], Awaitable[RedisReport]], now: Now) -> None:
    """Add Redis and its streams."""

    async def read() -> tuple[Values, ...]:
        redis = await report()
        return (
            {(): float(redis.up)},
            {(): float(redis.entries)} if redis.up else {},
            (_age(redis.oldest_at, now()) or {(): 0.0}) if redis.up else {},
        )

    page.read_together((REDIS_UP, STREAM, STREAM_OLDEST), read)


def _age(since: datetime | None, now: datetime) -> Values:
    return {} if since is None else {(): max((now - since).total_seconds(), 0.0)}
