"""A tool's end must be announced, enforced, and name a successor."""

from collections.abc import Iterator

from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


def lifecycle(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report passed sunsets, deprecations without advice, and deprecated operations."""
    entries = {entry.name: entry for entry in reviewed.manifest.tools}
    for name, tool in reviewed.catalogue.tools.items():
        life = tool.lifecycle
        if life.sunset is not None and life.sunset < reviewed.today:
            message = f"its last day was {life.sunset}"
            yield Finding(name, "error", message, "set `expose: false`, or a later sunset")
        if life.deprecated and life.sunset is None and life.replaced_by is None:
            message = "it is deprecated, but has neither a sunset nor a replacement"
            yield Finding(name, "warning", message, "set `sunset` or `replaced_by`")
        for former in tool.former:
            if former.until < reviewed.today:
                message = f"its former name {former.name} was accepted until {former.until}"
                yield Finding(
                    name, "warning", message, "remove it from `former`, or set a later day"
                )
        entry = entries[name]
        if not entry.operation or life.deprecated:
            continue
        if reviewed.document.find(entry.operation).deprecated:
            message = "the document marks its operation as deprecated"
            yield Finding(name, "warning", message, "set `deprecated: true`, or unexpose it")
