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

    def advance_to_noon(self) -> None:
        """Let time pass until noon, UTC, so that the hours that follow are on the same day."""
        noon = self._now.replace(hour=12, minute=0, second=0, microsecond=0)
        self._now = noon if noon >= self._now else noon + timedelta(days=1)

    def advance_to_last_noon(self) -> None:
        """Let time pass until the last noon of a month, so that the next day is in another one."""
        self.advance_to_noon()
        self._now = (self._now.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(
            days=1
        )

    def advance(self, **parts: float) -> None:
        """Let time pass, as `advance(minutes=5)`."""
        self._now += timedelta(**parts)
