"""The limits on a tenant's calls: the rate, and how many run at once."""

from dataclasses import dataclass, field

from mcp_gateway.limits.port import RateLimiter, Tiers
from mcp_gateway.limits.running_calls import RunningCalls


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The limits of one process, which outlive the catalogue."""

    rate: RateLimiter
    tiers: Tiers
    running: RunningCalls = field(default_factory=RunningCalls)
