"""Calls and errors over time as bars."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from auth_server.administration.usage import TrafficPoint

HEIGHT = 120


class Bar(NamedTuple):
    """One hour or day: the heights of its errors, of its refused calls, and of the others above."""

    at: datetime
    calls: int
    errors: int
    refused: int
    error_height: int
    refused_height: int
    other_height: int


def draw_traffic(points: Sequence[TrafficPoint]) -> list[Bar]:
    """Draw points relative to the one with the most calls; what happened once is seen."""
    most = max((point.calls for point in points), default=0)

    def height(calls: int) -> int:
        return max(HEIGHT * calls // most, 2) if calls > 0 else 0

    return [
        Bar(
            point.at,
            point.calls,
            point.errors,
            point.refused,
            height(point.errors),
            height(point.refused),
            height(point.calls - point.errors - point.refused),
        )
        for point in points
    ]
