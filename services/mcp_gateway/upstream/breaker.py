"""The circuit breaker: pauses calls to an origin or tool that keeps failing, then probes it."""

from datetime import datetime, timedelta
from typing import Literal

from gatepost.clock import Now
from gatepost.health import BreakerReport

WINDOW = timedelta(seconds=30)
"""Failures further apart than this are not counted together."""
PAUSE = 5.0
"""Seconds of the first pause, which doubles after each failed probe."""
LONGEST_PAUSE = 60.0
_PROBE = 1.0
"""Seconds that a call is told to wait while another call probes."""


class Breaker:
    """Opens on `patience` failures in a row, or on twice as many that are half of all calls.

    If only one tenant's calls failed, it opens for that tenant only, so that a tenant can't close a
    tool to others with calls that make it fail.
    """

    __slots__ = (
        "_calls",
        "_failures",
        "_now",
        "_only",
        "_patience",
        "_pause",
        "_probing",
        "_since",
        "_streak",
        "_until",
    )

    def __init__(self, now: Now, *, patience: int) -> None:
        """Start closed."""
        self._now = now
        self._patience = patience
        self._since = now()
        self._calls = 0
        self._failures = 0
        self._streak = 0
        self._only: str | None = None
        self._until: datetime | None = None
        self._pause = PAUSE
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether the breaker refuses some calls."""
        return self._until is not None

    def report(self, kind: Literal["origin", "tool"], name: str, api: str = "") -> BreakerReport:
        """Return its state, for operators."""
        state: Literal["closed", "open", "probing"] = "closed"
        if self._until is not None:
            state = "probing" if self._probing else "open"
        return BreakerReport(
            kind=kind,
            name=name,
            api=api,
            state=state,
            failures=self._streak,
            until=self._until,
            for_one_tenant=self._until is not None and self._only is not None,
        )

    def wait(self, tenant: str) -> float:
        """Return how many seconds a tenant must wait; 0 if it may call now."""
        if self._until is None or self._only not in (None, tenant):
            return 0.0
        left = (self._until - self._now()).total_seconds()
        # A longer pause means that the machine's clock was set back.
        if 0 < left <= LONGEST_PAUSE:
            return left
        return _PROBE if self._probing else 0.0

    def begin_probe(self, tenant: str) -> bool:
        """Make the next call the probe, if the breaker is open; return whether it is."""
        if self._until is None or self._only not in (None, tenant):
            return False
        self._probing = True
        return True

    def end_probe(self) -> None:
        """Let another call probe, if the current probe ended without an outcome."""
        self._probing = False

    def succeeded(self) -> None:
        """Record an answer, whatever its content, and close."""
        self._calls += 1
        self._streak = 0
        if self._until is not None:
            self._until = None
            self._pause = PAUSE
            self._calls = self._failures = 0

    def failed(self, tenant: str, *, at_least: float = 0.0) -> bool:
        """Record a failure, and open if a threshold is reached.

        Args:
            tenant: the tenant of the call.
            at_least: seconds that the upstream asked to wait.

        Returns:
            Whether this failure opened the breaker.
        """
        now = self._now()
        if self._until is None and now - self._since > WINDOW:
            self._since, self._calls, self._failures = now, 0, 0
        self._only = tenant if self._failures == 0 or self._only == tenant else None
        self._calls += 1
        self._failures += 1
        self._streak += 1
        if self._until is not None:
            if now < self._until:
                return False  # a call that started before the breaker opened
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        elif self._streak < self._patience and (
            self._failures < 2 * self._patience or self._failures * 2 < self._calls
        ):
            return False
        pause = min(max(self._pause, at_least), LONGEST_PAUSE)
        self._until = now + timedelta(seconds=pause)
        self._probing = False
        return True
