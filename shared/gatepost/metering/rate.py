"""How often something may happen: the generic cell rate algorithm, a token bucket as one number.

A bucket is the moment until which it is not full. Full buckets need not be kept. Times are whole
microseconds.
"""

MINUTE = 60_000_000


def take(busy_until: int, now: int, *, interval: int, burst: int) -> tuple[int, int]:
    """Take one out of a bucket that holds `burst` and gets one back after each interval.

    Args:
        busy_until: until when the bucket is not full; 0 for a full one.
        now: the time since 1970.
        interval: how long it takes to get one back.
        burst: how many a full bucket holds.

    Returns:
        Until when the bucket is not full once one is taken; and how long it takes until there is
        one to take, 0 or less where there is one now.
    """
    after = max(busy_until, now) + interval
    return after, after - interval * burst - now
