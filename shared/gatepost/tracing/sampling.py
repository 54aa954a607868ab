"""Choose the requests that are recorded."""

import re
from collections.abc import Callable
from typing import NamedTuple

from gatepost.clock import Now
from gatepost.metering.rate import MINUTE, take

# W3C Trace Context §3.2: version ff and ids of zeros are invalid, version 00 has four parts.
_TRACEPARENT = re.compile(
    r"(?!ff)(?:00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
    r"|(?!00)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?)"
)
_LONGEST = 512
_SAMPLED = 1
_FAULTS_PER_MINUTE = 60


class SentContext(NamedTuple):
    """The trace context that a caller sent, which may be anything well formed."""

    trace_id: int
    span_id: int
    asks: bool
    """Whether the caller records its part of the trace, and asks others to do the same."""
    state: str = ""
    """The `tracestate`, not parsed yet."""


def read_context(traceparent: object, tracestate: object = None) -> SentContext | None:
    """Read a trace context; a malformed one is None, and a malformed `tracestate` is ignored.

    Both may be of any type, since they may come from JSON.
    """
    if not isinstance(traceparent, str) or len(traceparent) > _LONGEST:
        return None
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = found.group(1, 2, 3) if found[1] else found.group(4, 5, 6)
    fits = isinstance(tracestate, str) and len(tracestate) <= _LONGEST
    return SentContext(
        int(trace_id, 16),
        int(span_id, 16),
        bool(int(flags, 16) & _SAMPLED),
        tracestate if fits and isinstance(tracestate, str) else "",
    )


class PerMinute:
    """Allows something a number of times a minute."""

    def __init__(self, most: int, now: Now) -> None:
        """Take the number, which may be 0, and the clock."""
        self._most = most
        self._interval = MINUTE // max(most, 1)
        self._now = now
        self._busy_until = 0

    def take(self) -> bool:
        """Return whether it may happen now."""
        now = int(self._now().timestamp() * 1_000_000)
        after, wait = take(self._busy_until, now, interval=self._interval, burst=self._most)
        if wait > 0:
            return False
        self._busy_until = after
        return True


class Sampling:
    """Chooses a share of all requests, and a bounded number of those whose callers ask for it.

    Chance decides, not the trace's id: callers choose that, and could have every call recorded or
    none.
    """

    def __init__(
        self, share: float, asked_per_minute: int, *, random: Callable[[], float], now: Now
    ) -> None:
        """Take the share, the bound for all callers together, and the sources of chance and time."""
        self._share = share
        self._random = random
        self._asked = PerMinute(asked_per_minute, now)
        self._faults = PerMinute(_FAULTS_PER_MINUTE, now)

    def draw(self) -> bool:
        """Decide about a request whose caller has no say."""
        return self._random() < self._share

    def choose(self, sent: SentContext | None) -> bool:
        """Decide about a request of a caller who may have sent a trace context."""
        return self._random() < self._share or (
            sent is not None and sent.asks and self._asked.take()
        )

    def take_fault(self) -> bool:
        """Decide about a fault of a request that is not recorded; callers can't use this up."""
        return self._faults.take()
