"""Icons and the website of a manifest, as clients get them."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from support.in_process.gateway import API, a_world

LOGO = {"src": "https://tracker.example/logo.png", "sizes": ["48x48", "any"]}
DARK = {"src": "data:image/svg+xml;base64,PHN2Zy8+", "theme": "dark"}
TYPED = {"src": "https://tracker.example/guide", "mime_type": "image/webp"}


def a_manifest(folder: Path, **changes: Any) -> Path:
    """Write a manifest with icons everywhere, with changes to its head."""
    (folder / "openapi.yaml").write_bytes((API / "openapi.yaml").read_bytes())
    icons = {"icons": [LOGO]}
    head = {
        "version": 1,
        "name": "Tracker",
        "openapi": "openapi.yaml",
        "website": "https://tracker.example",
        "icons": [LOGO, DARK],
        "tools": {"list_tasks": {"operation": "listTasks", "bind": {"tenant_id": "tenant_id"}}},
        "prompts": {"plan": {"text": "Plan.", **icons}},
        "resources": {"guide": {"text": "Read.", "icons": [TYPED]}},
    }
    head["tools"]["list_tasks"] |= icons  # type: ignore[index]
    path = folder / "tools.yaml"
    path.write_text(yaml.safe_dump(head | changes))
    return path


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_gets_the_pictures_of_everything_that_it_shows(
    tmp_path: Path, mode: str
) -> None:
    async with a_world(tmp_path, manifest=a_manifest(tmp_path)) as world:
        world.http.headers["authorization"] = f"Bearer {world.token()}"
        transport = streamable_http_client("http://127.0.0.1:8401/mcp", http_client=world.http)
        async with Client(transport, mode=mode) as client:
            server = client.server_info
            assert server is not None
            assert server.website_url == "https://tracker.example"
            assert [icon.src for icon in server.icons or ()] == [LOGO["src"], DARK["src"]]
            assert [icon.theme for icon in server.icons or ()] == [None, "dark"]
            (tool,) = (await client.list_tools()).tools
            (prompt,) = (await client.list_prompts()).prompts
            (resource,) = (await client.list_resources()).resources
    for shown in (tool, prompt):
        assert shown.icons is not None
        (icon,) = shown.icons
        assert (icon.src, icon.sizes) == (LOGO["src"], ["48x48", "any"])
    assert resource.icons is not None
    (icon,) = resource.icons
    assert icon.mime_type == "image/webp"


async def test_answers_after_the_first_do_not_repeat_the_servers_pictures(tmp_path: Path) -> None:
    async with a_world(tmp_path, manifest=a_manifest(tmp_path)) as world:
        first = (await world.new("server/discover")).text
        assert DARK["src"] in first
        assert DARK["src"] not in (await world.new("tools/list")).text


@pytest.mark.parametrize(
    ("icon", "problem"),
    [
        ({"src": "http://tracker.example/logo.png"}, "icons.0.src: must be an https URL"),
        ({"src": "javascript:alert(1)//https://a/"}, "icons.0.src: must be an https URL"),
        ({"src": "data:text/html;base64,PHN2Zy8+"}, "icons.0.src: must be an https URL"),
        ({"src": "data:image/png;base64," + "A" * 14_000}, "icons.0.src: must be an https URL"),
        ({**LOGO, "sizes": ["48"]}, "icons.0.sizes.0: must be a list of sizes"),
        ({**LOGO, "theme": "blue"}, "icons.0.theme: must be light or dark"),
        ({"sizes": ["any"]}, "icons.0.src: missing"),
        ("https://tracker.example/logo.png", "icons.0: must be a list of icons"),
    ],
)
def test_an_icon_that_clients_can_not_show_is_refused_with_the_fix(
    tmp_path: Path, icon: Any, problem: str
) -> None:
    with pytest.raises(ManifestError) as refused:
        load_catalogue(a_manifest(tmp_path, icons=[icon]))
    assert problem in str(refused.value)


def test_skills_and_pictures_stay_with_a_catalogue_whose_tools_are_held_back(
    tmp_path: Path,
) -> None:
    skills = {"planning": {"description": "How to plan.", "text": "Plan first."}}
    catalogue = load_catalogue(a_manifest(tmp_path, skills=skills))
    kept = catalogue.with_tools([])
    assert (kept.skills, kept.appearance) == (catalogue.skills, catalogue.appearance)
    assert kept.appearance.website == "https://tracker.example"


def test_a_catalogue_with_the_same_tools_is_the_same_in_everything(tmp_path: Path) -> None:
    """What `with_tools` forgot would be missing wherever a directory approved the tools."""
    skills = {"planning": {"description": "How to plan.", "text": "Plan first."}}
    events = {
        "tracker": {
            "tenant": "org",
            "on": {"task.updated": {"updates": {"task": {"id": "task.id"}}}},
        }
    }
    tools = {"get_task": {"operation": "getTask"}}
    resources = {
        "guide": {"uri": "tracker://guide", "text": "# Guide"},
        "task": {"uri": "tracker://tasks/{id}", "tool": "get_task"},
    }
    catalogue = load_catalogue(
        a_manifest(tmp_path, skills=skills, events=events, tools=tools, resources=resources)
    )
    kept = catalogue.with_tools(catalogue.tools.values())
    for one in fields(catalogue):
        if one.name not in {"index", "_usable"}:  # made of the tools
            assert getattr(kept, one.name) == getattr(catalogue, one.name), one.name
    assert kept.webhooks and kept.told_templates and kept.skills and kept.prompts
