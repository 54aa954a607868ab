"""A clock that moves when the test says so."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Call it for the time; `advance` to let time pass."""

    def __init__(self) -> None:
        """Start at the machine's time, so that tokens also hold for clocks not ours."""
        self._now = datetime.now(UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self._now

    def advance(self, **parts: float) -> None:
        """Let time pass, as `advance(minutes=5)`."""
        self._now += timedelta(**parts)
