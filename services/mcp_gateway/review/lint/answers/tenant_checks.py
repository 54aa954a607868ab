"""An answer that names its tenant should be checked."""

from collections.abc import Iterator

from mcp_gateway.openapi.record_owners import find_owners
from mcp_gateway.openapi.tenant_arguments import upstream_names
from mcp_gateway.results.fields import format_field
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


def tenant_checks(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report tools without a check whose every answer has the tenant that the request is bound to."""
    entries = {entry.name: entry for entry in reviewed.manifest.tools}
    for name, tool in reviewed.catalogue.tools.items():
        if tool.checks or not entries[name].operation:
            continue
        bound = {
            upstream: tool.bindings.get(key) for key, upstream in upstream_names(tool.operation)
        }
        names = [upstream for upstream, claim in bound.items() if claim == "tenant_id"]
        found = reviewed.document.find(entries[name].operation)
        for place in find_owners(reviewed.document, found, names)[:1]:
            written = format_field(place)
            yield Finding(
                name,
                "warning",
                f"its answers name their tenant ({written}), but nothing checks it",
                f'check it: `check: {{"{written}": tenant_id}}`',
            )
