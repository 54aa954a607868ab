"""Decide whether to repeat a request, and how long to wait before."""

from collections.abc import Awaitable, Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

from gatepost.clock import Now

Wait = Callable[[float], Awaitable[None]]
"""Waits for that many seconds."""
Random = Callable[[], float]
"""Returns a number from 0 up to 1."""
MOST_ATTEMPTS = 3
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})
_BASE = 0.2
_SHARE = 0.1
_MOST_SAVED = 10.0
_LONGEST_DATE = 100


class RetryBudget:
    """Limits retries to a tenth of an upstream's requests, so that they don't overload it."""

    __slots__ = ("_saved",)

    def __init__(self) -> None:
        """Start with ten retries."""
        self._saved = _MOST_SAVED

    def earn(self) -> None:
        """Record the first attempt of a request."""
        if self._saved < _MOST_SAVED:
            self._saved += _SHARE

    def spend(self) -> bool:
        """Take one retry, and return whether there was one."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


def is_repeatable(method: str, *, keyed: bool) -> bool:
    """Tell whether a request may be repeated: it changes nothing, or has an idempotency key.

    Source: RFC 9110 §9.2.1, §9.2.2. A method that is merely idempotent does not count, since
    repeating it could undo another caller's change.
    """
    return keyed or method in _SAFE


def backoff(attempt: int, random: Random) -> float:
    """Return random seconds to wait after an attempt: up to 0.2 after the first, then 0.4, …"""
    return random() * _BASE * 2.0 ** (attempt - 1)


def read_retry_after(value: str, now: Now) -> float | None:
    """Read `Retry-After` (RFC 9110 §10.2.3) as seconds from now, or None if it is absent."""
    value = value[:_LONGEST_DATE].strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return max(0.0, (at - now()).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None  # not a date, or one that the calendar does not have
