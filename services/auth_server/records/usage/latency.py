"""The histogram of latencies that each row of usage holds, and percentiles from it."""

import bisect
import math
from collections.abc import Sequence

from auth_server.records.usage.table import BOUNDS

BUCKETS = (*(f"under_{bound}" for bound in BOUNDS), "longer")
"""The columns of the histogram; each bucket includes its upper bound."""


def bucket_of(milliseconds: float) -> str:
    """Name the column that counts a call of this duration."""
    return BUCKETS[bisect.bisect_left(BOUNDS, milliseconds)]


def percentile(counts: Sequence[int], share: float) -> float | None:
    """Estimate a percentile in milliseconds, inside the bucket that holds the exact one.

    Calls count as spread evenly over their bucket. Above the last bound nothing is known, so this bound
    is returned.

    Args:
        counts: the calls in each of `BUCKETS`.
        share: above 0 and at most 1, such as 0.95.

    Returns:
        None if there are no calls.
    """
    total = sum(counts)
    if not total:
        return None
    # The nearest rank: the smallest duration that at least this share of the calls did not exceed.
    # Rounded, because 0.95 * 20 must be the 19th call and not the 20th.
    rank, lower = max(math.ceil(round(share * total, 6)), 1), 0
    for upper, count in zip(BOUNDS, counts, strict=False):
        if rank <= count:
            return lower + (upper - lower) * rank / count
        rank, lower = rank - count, upper
    return float(BOUNDS[-1])
