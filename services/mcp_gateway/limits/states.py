"""How far each limit of a caller is used, as its client hears it."""

import math
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from gatepost.metering.plans import Plan, day_of, end_of_day, end_of_month
from mcp_gateway.limits.counters import TOTAL
from mcp_gateway.limits.port import Quota, Reservation

_DAY = 86_400
_NAMES = {TOTAL: "month", "grant": "connection"}
_OWN_NAMES = {(TOTAL, "budget"): "organisation", (TOTAL, "credit"): "credit"}


class LimitState(NamedTuple):
    """One limit, and what is left of it."""

    name: str
    """`minute` for the plan's rate, `day` or `month` for its quotas, `credit`, or whose budget it is."""
    most: int
    window: int
    """Seconds for which `most` is allowed."""
    left: int
    resets: int
    """Seconds until everything is allowed again."""


def describe_reservation(plan: Plan, held: Reservation, now: datetime) -> Sequence[LimitState]:
    """Describe the plan's rate and the quotas of a call that was reserved."""
    if held.full_in is None:
        return ()
    interval = held.buckets[0].interval
    free = max(plan.burst - math.ceil(held.full_in / interval), 0)
    states = [LimitState("minute", plan.per_minute, 60, free, math.ceil(held.full_in / 1_000_000))]
    for quota, used in zip(held.quotas, held.used, strict=True):
        states.append(describe_quota(quota, used, now))
    return states


def describe_quota(quota: Quota, used: int, now: datetime) -> LimitState:
    """Describe a quota of which so many units are used."""
    kind = quota.counter.partition(":")[0]
    window, ends = (_DAY, end_of_day(now)) if kind == "day" else _month(day_of(now))
    resets = math.ceil((ends - now).total_seconds())
    name = _OWN_NAMES.get((kind, quota.source)) or _NAMES.get(kind, kind)
    return LimitState(name, quota.most, window, max(quota.most - used, 0), resets)


def describe_full(name: str, per_minute: int, seconds: float) -> LimitState:
    """Describe a rate that leaves no call for so many seconds."""
    return LimitState(name, per_minute, 60, 0, max(math.ceil(seconds), 1))


def count(number: int, what: str) -> str:
    """Write a number with its noun, such as `1 call` or `2 calls`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


@lru_cache(maxsize=4)
def _month(day: str) -> tuple[int, datetime]:
    first = datetime.fromisoformat(f"{day[:7]}-01T00:00:00+00:00")
    ends = end_of_month(first)
    return int((ends - first).total_seconds()), ends
