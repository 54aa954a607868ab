"""What a manifest asks for is done: a key that is only read so far is pointed at."""

from collections.abc import Callable, Iterator, Mapping

from mcp_gateway.tools.lint.finding import Finding, Reviewed
from mcp_gateway.tools.tool import Limits, Tool

NOT_YET: Mapping[str, Callable[[Tool], bool]] = {
    "limits": lambda tool: tool.limits != Limits(),
    "cost": lambda tool: tool.cost != 1,
}
"""The keys that the gateway doesn't act upon yet, to whether a tool has one."""


def enforced(reviewed: Reviewed) -> Iterator[Finding]:
    """Say of keys that the gateway reads and does not act upon yet."""
    for name, tool in reviewed.catalogue.tools.items():
        for key, is_set in NOT_YET.items():
            if is_set(tool):
                message = f"`{key}` is read and not enforced yet"
                yield Finding(name, "warning", message, "rely on the API for it until then")
