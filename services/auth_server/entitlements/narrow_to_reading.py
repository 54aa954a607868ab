"""Narrow an entitlement to reading, for tenants that allow agents nothing else."""

from collections.abc import Collection

from gatepost.catalogue import CatalogueDocument
from gatepost.scopes import covers


def narrow_to_reading(
    scopes: Collection[str], tools: Collection[str], catalogue: CatalogueDocument | None
) -> tuple[frozenset[str], frozenset[str]]:
    """Keep only the tools that read, and the scopes that they need.

    Args:
        scopes: the granted scopes.
        tools: names, or toolsets written `@name`.
        catalogue: says which tools only read; without it, no tool is kept.
    """
    if catalogue is None:
        return frozenset(), frozenset()
    allowed = catalogue.group_tools().expand(tools)
    reading = [
        tool
        for tool in catalogue.tools
        if tool.read_only and tool.name in allowed and covers(scopes, tool.scope)
    ]
    return frozenset(tool.scope for tool in reading), frozenset(tool.name for tool in reading)
