"""What protects one upstream: its bulkhead, its breakers, its retry budget."""

from dataclasses import dataclass

from gatepost.clock import Now
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.origin import origin_of
from mcp_gateway.upstream.breaker import Breaker
from mcp_gateway.upstream.bulkhead import Bulkhead
from mcp_gateway.upstream.retries import RetryBudget

# More for all tools together than for one, so that a tool that fails alone is left alone, alone.
_TOOL_PATIENCE = 5
_ORIGIN_PATIENCE = 10


@dataclass(frozen=True, slots=True)
class OriginGuard:
    """What all tools at one origin share."""

    name: str
    bulkhead: Bulkhead
    breaker: Breaker
    budget: RetryBudget


@dataclass(frozen=True, slots=True)
class Guard:
    """What stands before one tool."""

    origin: OriginGuard
    breaker: Breaker
    base_url: str | None
    """The tool's own server, where it has one."""

    def wait(self, tenant: str) -> float:
        """Tell how many seconds a tenant's calls are not worth making; 0 where one is."""
        return max(self.origin.breaker.wait(tenant), self.breaker.wait(tenant))

    @property
    def is_open(self) -> bool:
        """Whether some calls are refused."""
        return self.breaker.is_open or self.origin.breaker.is_open

    def begin_probe(self, tenant: str) -> bool:
        """Note that the call about to be made is the one that tries, where one has to."""
        here = self.breaker.begin_probe(tenant)
        return self.origin.breaker.begin_probe(tenant) or here

    def end_probe(self) -> None:
        """Let another call try, where the one that did has ended without an outcome."""
        self.breaker.end_probe()
        self.origin.breaker.end_probe()

    def succeeded(self) -> None:
        """Note an answer, whatever it says."""
        self.breaker.succeeded()
        self.origin.breaker.succeeded()

    def failed(self, tenant: str, *, at_least: float = 0.0) -> bool:
        """Note that nothing fit to be passed on came; answer whether that opened a breaker."""
        here = self.breaker.failed(tenant, at_least=at_least)
        return self.origin.breaker.failed(tenant, at_least=at_least) or here


class Guards:
    """The guards of all tools; they outlive the catalogue, which may be loaded anew."""

    def __init__(self, *, now: Now, upstream_url: str, concurrency: int) -> None:
        """Take where tools are sent that name no server of their own."""
        self._now = now
        self._upstream_url = upstream_url
        self._concurrency = concurrency
        self._origins: dict[str, OriginGuard] = {}
        self._tools: dict[str, Guard] = {}

    def of(self, tool: Tool) -> Guard:
        """Answer a tool's guard, the same at each call."""
        guard = self._tools.get(tool.name)
        # A catalogue that was loaded anew may send the tool elsewhere.
        if guard is None or guard.base_url != tool.operation.base_url:
            guard = self._tools[tool.name] = self._make(tool.operation.base_url)
        return guard

    def describe(self) -> str:
        """Tell operators which origins and tools are left alone at the moment."""
        broken = [name for name, origin in self._origins.items() if origin.breaker.is_open]
        broken += [name for name, guard in self._tools.items() if guard.breaker.is_open]
        return f"left alone: {', '.join(broken)}" if broken else "no breaker is open"

    def _make(self, base_url: str | None) -> Guard:
        origin = "://".join(origin_of(base_url or self._upstream_url))
        if origin not in self._origins:
            self._origins[origin] = OriginGuard(
                origin,
                Bulkhead(self._concurrency),
                Breaker(self._now, patience=_ORIGIN_PATIENCE),
                RetryBudget(),
            )
        return Guard(self._origins[origin], Breaker(self._now, patience=_TOOL_PATIENCE), base_url)
