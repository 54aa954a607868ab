"""Offer and read how long a connection lasts."""

from datetime import timedelta

_USUAL = (1, 7, 30, 90, 180, 365)


def offer_durations(longest: timedelta) -> tuple[timedelta, ...]:
    """List the durations to choose from, ending with the longest that is allowed."""
    usual = (timedelta(days=days) for days in _USUAL)
    return (*(time for time in usual if time < longest), longest)


def choose_duration(offered: tuple[timedelta, ...], seconds: str | None) -> timedelta:
    """Read the chosen duration, rounded down to one that was offered."""
    if seconds is None or not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12):
        return offered[0]
    asked = timedelta(seconds=int(seconds))
    return max((time for time in offered if time <= asked), default=offered[0])
