"""The units of each day of a month as bars."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

HEIGHT = 80


class Bar(NamedTuple):
    """One day."""

    day: date
    units: int
    height: int
    """At most `HEIGHT`; at least 2 if there are any units, so that the day is seen."""
    future: bool


def draw_days(days: Mapping[str, int], now: datetime) -> list[Bar]:
    """Draw each day of the month of a time, relative to the day with the most units."""
    most = max(days.values(), default=0)
    bars = []
    for number in range(1, monthrange(now.year, now.month)[1] + 1):
        day = date(now.year, now.month, number)
        units = days.get(day.isoformat(), 0)
        height = max(HEIGHT * units // most, 2) if units else 0
        bars.append(Bar(day, units, height, day > now.date()))
    return bars
