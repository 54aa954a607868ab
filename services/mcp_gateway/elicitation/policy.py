"""The operator's policy for confirming calls of destructive tools, in addition to the manifest's."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcp_gateway.elicitation.approvals import AskForApproval
from mcp_gateway.settings import Confirmation


@dataclass(frozen=True, slots=True)
class ConfirmationPolicy:
    """The operator's default policy, and the tenants that differ from it."""

    default: Confirmation = "where_possible"
    tenants: Mapping[str, Confirmation] = field(default_factory=dict)

    def of(self, tenant_id: str) -> Confirmation:
        """Return the policy for one tenant."""
        return self.tenants.get(tenant_id, self.default)


@dataclass(frozen=True, slots=True)
class Asking:
    """How people are asked about a call: the person by the operator's policy, and the tenant's admins."""

    confirmation: ConfirmationPolicy
    ask_for_approval: AskForApproval
