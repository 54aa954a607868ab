"""A year of calls of many tenants."""

import bisect
import itertools
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import hour_of
from support.in_process.auth_server import RESOURCE

NOW = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
CLIENTS = tuple(f"client_{number}" for number in range(8))
PEOPLE = 200
"""The most people of a tenant."""
_TOOLS = 40
_OUTCOMES = (
    ("success", 0.9, 1),
    ("error", 0.05, 0),
    ("refused", 0.04, 0),
    ("unknown", 0.01, 0),
)


def make_calls(count: int, tenants: int, seed: int) -> Iterator[CallEvent]:
    """Make a year of calls in order of time: few tenants make most, and most come by day."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    by_tenant = list(itertools.accumulate(1 / (rank + 3) for rank in range(tenants)))
    by_tool = list(itertools.accumulate(1 / (rank + 1) for rank in range(_TOOLS)))
    outcomes = list(itertools.accumulate(share for _, share, _ in _OUTCOMES))
    begin = hour_of(NOW) - YEAR
    hours = [begin + timedelta(hours=hour) for hour in range(365 * 24 + 1)]
    weights = [
        (4 if 7 <= hour.hour < 19 else 1) * (3 if hour.weekday() < 5 else 1) for hour in hours
    ]
    places = sorted(chance.choices(range(len(hours)), weights, k=count))

    def pick(sums: Sequence[float]) -> int:
        return bisect.bisect(sums, chance.random() * sums[-1])

    for number, place in enumerate(places):
        tenant = pick(by_tenant)
        person = int(chance.expovariate(1 / 12)) % PEOPLE
        outcome, _, cost = _OUTCOMES[pick(outcomes)]
        call_id = f"{chance.getrandbits(128):032x}"
        refused = outcome == "refused"
        duration = chance.uniform(0.3, 3) if refused else chance.lognormvariate(4.5, 1)
        yield CallEvent(
            at=min(hours[place] + timedelta(seconds=number * 7 % 3600), NOW),
            call_id=call_id,
            request_id=call_id,
            resource=RESOURCE,
            tenant_id=f"org_{tenant}",
            sub=f"usr_{tenant}_{person}",
            client_id=CLIENTS[person % 8],
            grant_id=f"grant_{tenant}_{person}",
            env="live",
            tier="pro",
            tool=f"tool_{pick(by_tool)}",
            tool_version="1.0.0",
            era="modern",
            decision="refused" if refused else "allowed",
            reason="invalid_arguments" if refused else "",
            error="",
            status=None if refused else 200,
            duration_ms=round(duration, 2),
            upstream_ms=0 if refused else round(duration * 0.9, 2),
            retries=0,
            bytes_in=120,
            bytes_out=900,
            cost=cost,
            outcome=outcome,  # type: ignore[arg-type]  # one of the outcomes above
            meter="calls" if cost else "",
        )
