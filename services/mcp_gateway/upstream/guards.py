"""The protection of each API: its bulkheads, its breakers and its retry budgets."""

from collections.abc import Iterable
from dataclasses import dataclass

from gatepost.clock import Now
from gatepost.health import BreakerReport
from mcp_gateway.apis.api import Api
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.origin import origin_of
from mcp_gateway.upstream.breaker import Breaker
from mcp_gateway.upstream.bulkhead import Bulkhead
from mcp_gateway.upstream.retries import RetryBudget

# The origin tolerates more failures than a tool, so that one failing tool opens only its own breaker.
_TOOL_PATIENCE = 5
_ORIGIN_PATIENCE = 10
_MOST_REPORTED = 100


@dataclass(frozen=True, slots=True)
class OriginGuard:
    """The protection that all tools of one API at one origin share."""

    api: str
    name: str
    bulkhead: Bulkhead
    breaker: Breaker
    budget: RetryBudget


@dataclass(frozen=True, slots=True)
class Guard:
    """The protection of one tool."""

    origin: OriginGuard
    breaker: Breaker
    base_url: str | None
    """The tool's own server, if it has one."""

    def wait(self, tenant: str) -> float:
        """Return how many seconds a tenant must wait; 0 if it may call now."""
        return max(self.origin.breaker.wait(tenant), self.breaker.wait(tenant))

    @property
    def is_open(self) -> bool:
        """Whether a breaker refuses some calls."""
        return self.breaker.is_open or self.origin.breaker.is_open

    def begin_probe(self, tenant: str) -> bool:
        """Make the next call the probe of open breakers; return whether it is one."""
        here = self.breaker.begin_probe(tenant)
        return self.origin.breaker.begin_probe(tenant) or here

    def end_probe(self) -> None:
        """Let another call probe, if the current probe ended without an outcome."""
        self.breaker.end_probe()
        self.origin.breaker.end_probe()

    def succeeded(self) -> None:
        """Record an answer, whatever its content."""
        self.breaker.succeeded()
        self.origin.breaker.succeeded()

    def failed(self, tenant: str, *, at_least: float = 0.0) -> bool:
        """Record a failure; return whether it opened a breaker."""
        here = self.breaker.failed(tenant, at_least=at_least)
        return self.origin.breaker.failed(tenant, at_least=at_least) or here


class Guards:
    """The guards of all tools, which outlive the catalogue when it is reloaded."""

    def __init__(self, apis: Iterable[Api], *, now: Now) -> None:
        """Take the APIs, which share no breaker and no bulkhead even if they share an origin."""
        self._now = now
        self._apis = {api.name: api for api in apis}
        self._origins: dict[tuple[str, str], OriginGuard] = {}
        # Hidden tools that composite tools call may have equal names at two APIs.
        self._tools: dict[tuple[str, str], Guard] = {}

    def of(self, tool: Tool) -> Guard:
        """Return a tool's guard, which is the same for each call."""
        guard = self._tools.get((tool.api, tool.name))
        # A reloaded catalogue may send the tool to another server.
        if guard is None or guard.base_url != tool.operation.base_url:
            guard = self._tools[tool.api, tool.name] = self._make(tool)
        return guard

    def describe(self) -> str:
        """Describe to operators which breakers are open at the moment."""
        found = [(one.api, one.name, one.breaker) for one in self._origins.values()]
        found += [(api, name, guard.breaker) for (api, name), guard in self._tools.items()]
        broken = [
            f"{api}: {name}" if api else name for api, name, breaker in found if breaker.is_open
        ]
        return f"open breakers: {', '.join(broken)}" if broken else "no breaker is open"

    def report(self) -> tuple[BreakerReport, ...]:
        """Return the breakers of all origins, and of the tools whose last call failed."""
        tools = [
            guard.breaker.report("tool", name, api) for (api, name), guard in self._tools.items()
        ]
        origins = [
            one.breaker.report("origin", one.name, one.api) for one in self._origins.values()
        ]
        failing = [one for one in tools if one.failures]
        # Open ones first, because only so many are reported.
        found = sorted((*origins, *failing), key=lambda one: one.state == "closed")
        return tuple(found[:_MOST_REPORTED])

    def _make(self, tool: Tool) -> Guard:
        api, base_url = self._apis[tool.api], tool.operation.base_url
        origin = "://".join(origin_of(base_url or api.url))
        if (shared := self._origins.get((api.name, origin))) is None:
            shared = self._origins[api.name, origin] = OriginGuard(
                api.name,
                origin,
                Bulkhead(api.concurrency),
                Breaker(self._now, patience=_ORIGIN_PATIENCE),
                RetryBudget(),
            )
        return Guard(shared, Breaker(self._now, patience=_TOOL_PATIENCE), base_url)
