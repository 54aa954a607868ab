"""The demo's tools after a gateway gave one of them another name."""

from typing import Any

from gatepost.catalogue import CatalogueDocument
from support.in_process.auth_server import CATALOGUE


def with_tool(version: str, name: str, **changes: Any) -> CatalogueDocument:
    """The demo's tools with `list_tasks` under another name, changed."""
    tools = tuple(
        one.model_copy(update={"bounds": ("bind:tenant_id",)})
        if one.name != "list_tasks"
        else one.model_copy(update={"name": name, "bounds": ("bind:tenant_id",), **changes})
        for one in CATALOGUE.tools
    )
    return CATALOGUE.model_copy(update={"hash": version * 64, "tools": tools})


FORMER = with_tool("1", "list_tasks")
RENAMED = with_tool("2", "find_tasks", former=("list_tasks",))
