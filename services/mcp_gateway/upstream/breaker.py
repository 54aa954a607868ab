"""The breaker: what keeps failing is left alone for a while, then tried with one call."""

from datetime import datetime, timedelta

from gatepost.clock import Now

WINDOW = timedelta(seconds=30)
"""Failures further apart than this say nothing together."""
PAUSE = 5.0
"""Seconds it is left alone at first; twice as long after each try that fails."""
LONGEST_PAUSE = 60.0
_PROBE = 1.0
"""Seconds to come back in while another call is the one that tries."""


class Breaker:
    """Opens on `patience` failures in a row, or on twice as many that are half of all calls.

    What one tenant's calls alone have opened is open to that tenant alone, so that nobody closes a
    tool to others by calling it with what it can't answer.
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
        """Begin closed, as everything works."""
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
        """Whether some calls are refused."""
        return self._until is not None

    def wait(self, tenant: str) -> float:
        """Tell how many seconds a tenant's calls are not worth making; 0 where one is."""
        if self._until is None or self._only not in (None, tenant):
            return 0.0
        left = (self._until - self._now()).total_seconds()
        # No pause is longer: then the machine's clock was set back.
        if 0 < left <= LONGEST_PAUSE:
            return left
        return _PROBE if self._probing else 0.0

    def begin_probe(self, tenant: str) -> bool:
        """Note that the call about to be made is the one that tries, where one has to."""
        if self._until is None or self._only not in (None, tenant):
            return False
        self._probing = True
        return True

    def end_probe(self) -> None:
        """Let another call try, where the one that did has ended without an outcome."""
        self._probing = False

    def succeeded(self) -> None:
        """Note an answer, whatever it says: close."""
        self._calls += 1
        self._streak = 0
        if self._until is not None:
            self._until = None
            self._pause = PAUSE
            self._calls = self._failures = 0

    def failed(self, tenant: str, *, at_least: float = 0.0) -> bool:
        """Note that nothing fit to be passed on came; open, where it is time.

        Args:
            tenant: whose call it was.
            at_least: seconds that the upstream itself asked for.

        Returns:
            Whether this failure opened it.
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
                return False  # a call that was on its way before
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        elif self._streak < self._patience and (
            self._failures < 2 * self._patience or self._failures * 2 < self._calls
        ):
            return False
        pause = min(max(self._pause, at_least), LONGEST_PAUSE)
        self._until = now + timedelta(seconds=pause)
        self._probing = False
        return True
