"""Skills of the manifest: served behind a switch, to callers who may use the tools that they name."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from support.in_process.gateway import API, META, MODERN, World, a_world
from support.in_process.talk import talking

SKILLS = """
skills:
  plan-week:
    description: 'Plan a week: read the tasks, then ask what matters.'
    file: skills/plan.md
    tools: [get_task]
  clean-up:
    description: Delete what is done.
    text: "Call `delete_task` for each task that is done. `nothing` is not a tool."
  greet:
    description: Greet people.
    text: Say hello.
"""
EXTENSION = "io.modelcontextprotocol/skills"


def write_manifest(folder: Path, skills: str = SKILLS) -> Path:
    """Write the tests' manifest with skills."""
    (folder / "skills").mkdir(exist_ok=True)
    (folder / "skills/plan.md").write_text("# Plan\n\nCall `list_tasks`.\u200b\n")
    (folder / "openapi.yaml").write_bytes((API / "openapi.yaml").read_bytes())
    manifest = folder / "tools.yaml"
    manifest.write_text((API / "tools.yaml").read_text() + skills)
    return manifest


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    manifest = write_manifest(tmp_path)
    async with a_world(tmp_path, manifest=manifest, serve_skills=True) as opened:
        yield opened


async def ask(world: World, method: str, uri: str = "", **claims: Any) -> httpx2.Response:
    """Send one request of the modern era."""
    params = {"_meta": META, **({"uri": uri} if uri else {})}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {"mcp-protocol-version": MODERN, "mcp-method": method}
    if uri and method == "resources/read":
        headers["mcp-name"] = uri
    return await world.post(body, token=world.token(**claims), headers=headers)


async def names(world: World, *allowed: str) -> list[str]:
    """List the skills that a caller with these tools sees."""
    result = (await ask(world, "skills/list", allowed_tools=list(allowed))).json()["result"]
    return [skill["frontmatter"]["name"] for skill in result["skills"]]


async def test_a_skill_is_listed_with_the_digest_of_the_file_that_is_read(world: World) -> None:
    result = (await ask(world, "skills/list")).json()["result"]
    assert (result["resultType"], result["cacheScope"]) == ("complete", "private")
    assert result["ttlMs"] > 0
    for skill in result["skills"]:
        assert (await ask(world, "skills/get", skill["uri"])).json()["result"]["skill"] == skill
        answer = (await ask(world, "resources/read", skill["uri"])).json()["result"]
        [contents] = answer["contents"]
        content = contents["text"].encode()
        digest = f"sha256:{sha256(content).hexdigest()}"
        listed = {"uri": skill["uri"], "digest": digest, "size": len(content)}
        assert skill["resources"] == [listed]
        assert contents["mimeType"] == "text/markdown"
        _, frontmatter, _ = contents["text"].split("---\n", 2)
        assert yaml.safe_load(frontmatter) == skill["frontmatter"]
        assert skill["uri"] == f"skill://{skill['frontmatter']['name']}/SKILL.md"


async def test_the_extension_is_declared_and_the_skills_are_resources(world: World) -> None:
    capabilities = (await ask(world, "server/discover")).json()["result"]["capabilities"]
    assert capabilities["extensions"][EXTENSION] == {}
    assert "resources" in capabilities
    for era in ("old", "new"):
        listed = (await world.ask(era, "resources/list")).json()["result"]["resources"]
        assert [one["name"] for one in listed] == ["clean-up", "greet", "plan-week"]
        assert listed[2]["description"].startswith("Plan a week: read")


async def test_a_skill_that_names_a_tool_that_is_not_allowed_does_not_exist_a340(
    world: World,
) -> None:
    assert await names(world, "@read", "@write") == ["clean-up", "greet", "plan-week"]
    # The file names list_tasks, and the manifest get_task.
    assert await names(world, "list_tasks") == ["greet"]
    assert await names(world, "@read") == ["greet", "plan-week"]
    assert await names(world, "delete_task") == ["clean-up", "greet"]
    for method, said in (
        ("skills/get", "No skill is served at skill://clean-up/SKILL.md"),
        ("resources/read", "Resource not found"),
    ):
        answer = await ask(world, method, "skill://clean-up/SKILL.md", allowed_tools=["@read"])
        error = answer.json()["error"]
        assert (error["code"], error["message"]) == (-32602, said)
    told = await world.ask("old", "resources/list", token=world.token(allowed_tools=["@read"]))
    assert "clean-up" not in told.text


async def test_without_the_switch_nothing_of_skills_is_served(tmp_path: Path) -> None:
    async with a_world(tmp_path, manifest=write_manifest(tmp_path)) as world:
        for method in ("skills/list", "skills/get"):
            assert (await ask(world, method)).json()["error"]["code"] == -32601
        capabilities = (await ask(world, "server/discover")).json()["result"]["capabilities"]
        assert EXTENSION not in capabilities["extensions"]
        assert "resources" not in capabilities
        assert (await world.ask("new", "resources/list")).json()["result"]["resources"] == []
        missing = await ask(world, "resources/read", "skill://greet/SKILL.md")
        assert missing.json()["error"]["code"] == -32602


async def test_the_methods_exist_in_the_newest_revision_only(world: World) -> None:
    error = (await world.ask("old", "skills/list")).json()["error"]
    assert error["code"] == -32601
    assert EXTENSION not in str((await world.ask("old", "tools/list")).json())


async def test_a_changed_file_is_another_digest_after_a_moment(
    world: World, tmp_path: Path
) -> None:
    before = (await ask(world, "skills/get", "skill://plan-week/SKILL.md")).json()["result"]
    (tmp_path / "skills/plan.md").write_text("# Plan\n\nCall `list_tasks` twice.\n")
    await world.looks.look()
    after = (await ask(world, "skills/get", "skill://plan-week/SKILL.md")).json()["result"]
    assert before["skill"]["resources"] != after["skill"]["resources"]


def test_hidden_characters_never_reach_a_model(tmp_path: Path) -> None:
    skill = load_catalogue(write_manifest(tmp_path)).skills["plan-week"]
    assert skill.text.endswith("---\n\n# Plan\n\nCall `list_tasks`.\n")
    assert skill.tools == ("get_task", "list_tasks")


@pytest.mark.parametrize(
    ("skill", "said"),
    [
        ("Plan: {description: X, text: Y}", "skills.Plan: a name is 1 to 64 letters from a to z"),
        ("a--b: {description: X, text: Y}", "skills.a--b: a name is 1 to 64 letters from a to z"),
        ("a: {text: Y}", "skills.a.description: missing"),
        ("a: {description: X}", "skills.a: must have either `text` or `file`"),
        ("a: {description: X, text: Y, tools: [none]}", "skills.a.tools: there is no tool none"),
        ("a: {description: X, file: none.md}", "skills.a.file: none.md can't be read"),
        (
            "a: {description: X, file: ../x.md}",
            "skills.a.file: ../x.md must be beside the manifest",
        ),
        (
            'a: {description: X, text: "---\\nname: b\\n---\\nY"}',
            "skills.a.text: begin after the frontmatter, which is made here",
        ),
    ],
)
def test_a_skill_that_can_not_be_served_is_refused_with_the_fix(
    tmp_path: Path, skill: str, said: str
) -> None:
    with pytest.raises(ManifestError) as problem:
        load_catalogue(write_manifest(tmp_path, f"\nskills:\n  {skill}\n"))
    assert said in str(problem.value)


async def test_a_skill_can_be_watched_by_those_who_may_read_it(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path)
    plan, clean = "skill://plan-week/SKILL.md", "skill://clean-up/SKILL.md"
    wanted = {"notifications": {"resourceSubscriptions": [plan, clean]}}
    async with a_world(tmp_path, manifest=manifest, serve_skills=True) as world:
        headers = {
            "authorization": f"Bearer {world.token(allowed_tools=['get_task', 'list_tasks'])}"
        }
        subscribed = await world.old("resources/subscribe", {"uri": plan})
        assert subscribed.json()["result"] == {}
        async with talking(world, "new", "subscriptions/listen", wanted, headers=headers) as talk:
            granted = (await talk.message())["params"]["notifications"]
            assert granted["resourceSubscriptions"] == [plan]
            (tmp_path / "skills/plan.md").write_text("# Plan again")
            await world.looks.look()
            assert (await talk.message())["params"]["uri"] == plan
