"""How a service is: the answers of `/readyz`, and what a gateway reports of itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import structlog
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

log = structlog.get_logger()
Ping = Callable[[], Awaitable[None]]


async def check_readiness(
    pings: Mapping[str, Ping], *, draining: bool = False
) -> tuple[int, dict[str, object]]:
    """Run every ping, each for at most two seconds.

    Args:
        pings: raise while their part must not receive requests.
        draining: whether the process is going to stop, so that it is not ready for more.

    Returns:
        200 or 503, and `{"status": …, "checks": {name: "ok" | "failing"}}`. The answer is public
        and names only the part; the log has the reason.
    """
    if draining:
        return 503, {"status": "draining", "checks": {}}

    async def run(name: str, ping: Ping) -> str:
        try:
            await asyncio.wait_for(ping(), timeout=2)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the part does not answer
            log.warning("not_ready", part=name, kind=type(error).__name__)
            return "failing"
        return "ok"

    results = await asyncio.gather(*(run(name, ping) for name, ping in pings.items()))
    checks: dict[str, object] = dict(zip(pings, results, strict=True))
    ready = all(result == "ok" for result in results)
    return (200 if ready else 503), {"status": "ok" if ready else "failing", "checks": checks}


REPORTS_PATH = "/internal/gateways"
"""The path to which gateways report their state: JSON with `report` and the two members that
authenticate at `/token`."""
REPORT_SECONDS = 15
"""Seconds between two reports of a process."""
SILENT_AFTER = timedelta(seconds=4 * REPORT_SECONDS)
"""How long a process may be silent before it counts as dead."""

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _require_plausible(moment: datetime) -> datetime:
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError("must be between the years 2000 and 2200")
    return moment.astimezone(UTC)


_Moment = Annotated[AwareDatetime, AfterValidator(_require_plausible)]
_Text = Annotated[str, Field(max_length=255, pattern="^[ -~]*$")]
_Count = Annotated[int, Field(ge=0, lt=1 << 53)]


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class BreakerReport(_Report):
    """A circuit breaker that has seen a call."""

    kind: Literal["origin", "tool"]
    name: _Text
    """The origin of the upstream, or the name of the tool."""
    api: Annotated[str, Field(max_length=31, pattern="^[a-z0-9_]*$")] = ""
    """The API among several; empty if the gateway has only one."""
    state: Literal["closed", "open", "probing"]
    """`open` refuses calls; `probing` sends one to see whether the upstream has recovered."""
    failures: _Count
    """Failures in a row."""
    until: _Moment | None = None
    """Until when an open breaker refuses every call."""
    for_one_tenant: bool = False
    """Whether an open breaker refuses the calls of a single tenant, whose calls alone failed."""


class EventsReport(_Report):
    """Call events on the gateway's disk, on their way to the call log."""

    waiting: _Count = 0
    oldest_at: _Moment | None = None
    lost: _Count = 0
    """Events that could not even be stored since the process started."""


class RedisReport(_Report):
    """The Redis of the gateway, and the streams in it from which the call log is written."""

    up: bool
    entries: _Count = 0
    """Entries that no worker has written to the call log."""
    oldest_at: _Moment | None = None


class GatewayReport(_Report):
    """The state of one process of a gateway."""

    instance: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    """A random id of the process."""
    host: _Text
    version: Annotated[str, Field(max_length=64, pattern="^[ -~]*$")]
    started_at: _Moment
    sent_at: _Moment | None = None
    """The time of the gateway's own clock; None from an older release."""
    stopping: bool = False
    """Whether this is the last report, because the process stops."""
    catalogue: Annotated[str, Field(pattern="^[0-9a-f]{0,64}$")]
    """The hash of the served catalogue."""
    catalogue_kept: bool = False
    """Whether newer files can't be served, so that an older catalogue is."""
    tools_withheld: _Count = 0
    """Tools whose changes wait because they differ from what a directory approved."""
    tools: _Count
    breakers: Annotated[tuple[BreakerReport, ...], Field(max_length=100)] = ()
    events: EventsReport = EventsReport()
    redis: RedisReport | None = None
    """None if the gateway uses no Redis."""
    revocations_heard_at: _Moment | None = None
    plans_heard_at: _Moment | None = None
