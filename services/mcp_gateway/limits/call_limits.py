"""The limits on calls: a tenant\'s plan, how many run at once, and one thread for long answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gatepost.claims import AccessClaims
from gatepost.metering.plans import Plan
from gatepost.metering.rate import MINUTE
from mcp_gateway.limits.known_plans import KnownPlans
from mcp_gateway.limits.port import Bucket, Limits
from mcp_gateway.limits.running_calls import RunningCalls
from mcp_gateway.work.worker import Worker


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The limits of one process, which outlive the catalogue."""

    counts: Limits
    plans: KnownPlans
    worker: Worker
    """The thread in which one long answer after another is read."""
    is_revoked: Callable[[AccessClaims], bool]
    """Whether a caller's connection has ended since the request was verified."""
    running: RunningCalls = field(default_factory=RunningCalls)
    apis: Mapping[str, int] = field(default_factory=dict)
    """Calls a minute that a tenant may make to each API that has such a limit, by the API's name."""


def plan_bucket(plan: Plan) -> Bucket:
    """Return the bucket of all calls of a tenant; a tenant that changes its plan gets a new one."""
    return Bucket(f"plan:{plan.name}", max(MINUTE // plan.per_minute, 1), plan.burst)


def tool_bucket(api: str, name: str, per_minute: int, times: int = 1) -> Bucket:
    """Return the bucket of a tenant's calls of one tool, into which so many go at once."""
    # Hidden tools that composite tools call may have equal names at two APIs.
    name = f"tool:{api}:{name}" if api else f"tool:{name}"
    return Bucket(name, max(MINUTE // per_minute, 1) * times, per_minute // times)
