"""When a request is worth making again, and how long to wait before."""

from collections.abc import Awaitable, Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

from gatepost.clock import Now

Wait = Callable[[float], Awaitable[None]]
"""Lets so many seconds pass."""
Random = Callable[[], float]
"""Answers a number from 0 up to 1."""
MOST_ATTEMPTS = 3
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})
_BASE = 0.2
_SHARE = 0.1
_MOST_SAVED = 10.0


class RetryBudget:
    """Lets a tenth of an upstream's requests be retries: more would be one more load on it."""

    __slots__ = ("_saved",)

    def __init__(self) -> None:
        """Begin with ten saved."""
        self._saved = _MOST_SAVED

    def earn(self) -> None:
        """Note a request that was made for the first time."""
        if self._saved < _MOST_SAVED:
            self._saved += _SHARE

    def spend(self) -> bool:
        """Take one retry out, where there is one."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


def is_repeatable(method: str, *, keyed: bool) -> bool:
    """Tell whether a request may be made twice: it changes nothing, or bears an idempotency key.

    Source: RFC 9110 §9.2.1, §9.2.2. A method that is merely idempotent is left out: what another
    caller did in between would be undone.
    """
    return keyed or method in _SAFE


def backoff(attempt: int, random: Random) -> float:
    """Answer seconds to wait after the first, second … attempt: up to 0.2, 0.4 …, at random."""
    return random() * _BASE * 2.0 ** (attempt - 1)


def read_retry_after(value: str, now: Now) -> float | None:
    """Read `Retry-After` (RFC 9110 §10.2.3) as seconds from now; None where there is none."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - now()).total_seconds())
