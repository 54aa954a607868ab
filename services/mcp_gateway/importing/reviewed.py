"""Describe a reviewed manifest as a proposal, so that a later import reports what agents really get."""

from collections.abc import Mapping
from dataclasses import replace

from gatepost.document import parse_document
from mcp_gateway.importing.proposal import Proposal, Proposed
from mcp_gateway.manifest.entries import ManifestError, ToolEntry, read_entry
from mcp_gateway.manifest.make_tool import make_tool
from mcp_gateway.openapi.document import OpenApiDocument, UnknownOperation
from mcp_gateway.openapi.tenant_arguments import upstream_names


def as_reviewed(proposal: Proposal, document: OpenApiDocument, text: str) -> Proposal:
    """Replace the proposed entries by those of a manifest; operations that it lacks count as unselected.

    Args:
        proposal: what an import of the document proposes.
        document: the document.
        text: the manifest, which is valid, for the same document.
    """
    source = parse_document(text.encode())
    hosts = tuple(host.lower() for host in source.get("hosts", ()))
    entries = _by_operation(document, source["tools"])
    proposed = []
    for one in proposal.proposed:
        for entry in entries.get(one.found.key, ()):
            try:
                tool = make_tool(entry, document, hosts)
            except ManifestError:
                continue  # The report of changes tells it.
            fill = {name: entry.fill[name] for name in one.entry.fill if name in entry.fill}
            proposed.append(replace(one, entry=replace(entry, fill=fill), tool=tool))
    left_out = {one.found.key for one in proposal.proposed} - {one.found.key for one in proposed}
    unbound = {name: _choosing(name, proposed) for name in proposal.unbound_tenants}
    return replace(
        proposal,
        name=source["name"],
        proposed=tuple(proposed),
        unselected=proposal.unselected + len(left_out),
        unbound_tenants={name: tools for name, tools in unbound.items() if tools},
    )


def _by_operation(
    document: OpenApiDocument, tools: Mapping[str, Mapping[str, object]]
) -> dict[str, list[ToolEntry]]:
    entries: dict[str, list[ToolEntry]] = {}
    for name, value in tools.items():
        entry = read_entry(name, value)
        try:
            found = document.find(entry.operation) if entry.operation else None
        except UnknownOperation:
            continue
        if found is not None:
            entries.setdefault(found.key, []).append(entry)
    return entries


def _choosing(parameter: str, proposed: list[Proposed]) -> tuple[str, ...]:
    """Name the tools for which the model chooses a parameter."""
    return tuple(
        p.entry.name
        for p in proposed
        for argument, name in upstream_names(p.tool.operation)
        if name == parameter and argument not in p.tool.bindings and argument not in p.tool.fill
    )
