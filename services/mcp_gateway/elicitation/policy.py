"""The operator's policy for confirming calls of destructive tools, in addition to the manifest's."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcp_gateway.settings import Confirmation


@dataclass(frozen=True, slots=True)
class ConfirmationPolicy:
    """The operator's default policy, and the tenants that differ from it."""

    default: Confirmation = "where_possible"
    tenants: Mapping[str, Confirmation] = field(default_factory=dict)

    def of(self, tenant_id: str) -> Confirmation:
        """Return the policy for one tenant."""
        return self.tenants.get(tenant_id, self.default)
