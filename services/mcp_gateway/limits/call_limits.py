"""The limits on calls: a tenant's rate, how many run at once, and one thread for long answers."""

from dataclasses import dataclass, field

from mcp_gateway.limits.port import RateLimiter, Tiers
from mcp_gateway.limits.running_calls import RunningCalls
from mcp_gateway.work.worker import Worker


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The limits of one process, which outlive the catalogue."""

    rate: RateLimiter
    tiers: Tiers
    worker: Worker
    """The thread in which one long answer after another is read."""
    running: RunningCalls = field(default_factory=RunningCalls)
