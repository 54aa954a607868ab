"""When a person confirms what a destructive tool does, beside what the manifest says of the tool."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcp_gateway.settings import Confirmation


@dataclass(frozen=True, slots=True)
class ConfirmationPolicy:
    """What the operator decided, for all tenants and for some."""

    default: Confirmation = "where_possible"
    tenants: Mapping[str, Confirmation] = field(default_factory=dict)

    def of(self, tenant_id: str) -> Confirmation:
        """Answer what holds for one tenant."""
        return self.tenants.get(tenant_id, self.default)
