"""What limits a tenant's calls: how often, and how many at once."""

from dataclasses import dataclass, field

from mcp_gateway.limits.port import RateLimiter, Tiers
from mcp_gateway.limits.running_calls import RunningCalls


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The limits of one process; they outlive the catalogue."""

    rate: RateLimiter
    tiers: Tiers
    running: RunningCalls = field(default_factory=RunningCalls)
