"""Forecasts from the units of past hours: simple, so that people can check them."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from gatepost.metering.plans import end_of_month, start_of_month

WINDOW = timedelta(days=7)
"""The past time whose pace a forecast continues."""
_DAY = timedelta(days=1)


def forecast_month(hours: Mapping[datetime, int], now: datetime) -> int:
    """Forecast the units of this month, if the pace of the last seven days goes on.

    A tenant that began later has the pace of its time so far, which counts as a day at least.

    Args:
        hours: units by the beginning of their hour, since the beginning of the month and of the
            window.
        now: the time.
    """
    used = sum(units for hour, units in hours.items() if hour >= start_of_month(now))
    recent = sum(units for hour, units in hours.items() if hour >= now - WINDOW)
    if not recent:
        return used
    first = min(hour for hour, units in hours.items() if units)
    elapsed = min(max(now - first, _DAY), WINDOW)
    return used + recent * _seconds(end_of_month(now) - now) // _seconds(elapsed)


def forecast_exhaustion(
    used: int, limit: int | None, *, since: datetime, until: datetime, now: datetime
) -> datetime | None:
    """Forecast when a quota is used up, if it goes on like since its last reset.

    Returns:
        None if the quota lasts until its reset, or is used up already.
    """
    if limit is None or not 0 < used < limit:
        return None
    at = now + (limit - used) * max(now - since, timedelta(minutes=1)) // used
    return at if at < until else None


def _seconds(time: timedelta) -> int:
    return time // timedelta(seconds=1)
