"""Titles and annotations are explicit in every list: directories refuse a missing one."""

from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.catalogue.meta_tools import META_TOOLS
from support.in_process.gateway import API, World, a_world

HINTS = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}


async def listed(world: World, era: str, what: str) -> list[dict[str, Any]]:
    method = {"resourceTemplates": "resources/templates"}.get(what, what) + "/list"
    found: list[dict[str, Any]] = (await world.ask(era, method)).json()["result"][what]
    assert found
    return found


@pytest.mark.parametrize("era", ["old", "new"])
@pytest.mark.parametrize("searched", [False, True], ids=["listed", "searched"])
async def test_every_tool_has_a_title_and_all_four_annotations(
    tmp_path: Path, era: str, *, searched: bool
) -> None:
    """A client assumes the worst of an annotation that is missing (MCP tools, ToolAnnotations)."""
    text = (API / "talking.yaml").read_text()
    manifest = tmp_path / "tools.yaml"
    manifest.write_text(text.replace("tools:", "search_above: 1\ntools:", 1) if searched else text)
    for name in ("openapi.yaml", "logo.png"):
        (tmp_path / name).write_bytes((API / name).read_bytes())
    async with a_world(tmp_path, manifest=manifest) as world:
        tools = await listed(world, era, "tools")
    assert ({tool["name"] for tool in tools} == META_TOOLS.keys()) is searched
    for tool in tools:
        hints = tool["annotations"]
        assert hints.keys() == HINTS | {"title"}
        assert all(isinstance(hints[hint], bool) for hint in HINTS)
        assert not (hints["readOnlyHint"] and hints["destructiveHint"])
        assert tool["title"] == hints["title"]
        assert tool["title"].strip()


@pytest.mark.parametrize("era", ["old", "new"])
@pytest.mark.parametrize("what", ["prompts", "resources", "resourceTemplates"])
async def test_every_prompt_and_resource_has_a_title(tmp_path: Path, era: str, what: str) -> None:
    async with a_world(tmp_path, manifest=API / "talking.yaml") as world:
        assert all(one["title"].strip() for one in await listed(world, era, what))
