"""The token must select the tenant, not the model."""

from collections.abc import Iterator

from mcp_gateway.openapi.tenant_arguments import tenant_arguments as tenant_arguments_of
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


def tenant_arguments(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report arguments that look like the tenant but are not bound to a claim."""
    for name, tool in reviewed.catalogue.tools.items():
        for argument in tenant_arguments_of(tool.operation):
            if argument not in tool.bindings and argument not in tool.fill:
                yield Finding(
                    name,
                    "warning",
                    f"the model chooses {argument}, which looks like the tenant",
                    f"bind it: `bind: {{{argument}: tenant_id}}`",
                )
