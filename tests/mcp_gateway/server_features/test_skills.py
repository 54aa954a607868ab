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
from mcp_gateway.server_features.prompts import allowed_prompts
from mcp_gateway.server_features.skills import allowed_skills
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


def with_purge(folder: Path, more: dict[str, Any]) -> Path:
    """Write a manifest with `delete_task`, which was `remove_task`, and `purge`."""
    manifest = write_manifest(folder, "")
    tools = yaml.safe_load(manifest.read_text())
    tools.pop("prompts", None)
    deleting = tools["tools"]["delete_task"]
    tools["tools"]["purge"] = dict(deleting)
    deleting["former"] = [{"name": "remove_task", "until": "2099-01-01"}]
    manifest.write_text(yaml.safe_dump({**tools, **more}))
    return manifest


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


@pytest.mark.parametrize(
    "text",
    [
        "Call delete_task.",
        "Call **Delete_Task** now.",
        "Call _delete_task_ or delete\\_task.",
        "Call delete&#95;task.",
        "Call delete\uff3ftask.",
        "Call `delete_task(id=1)`.",
        "```\ndelete_task\n```",
        "As in delete_task-based work.",
        "Once called remove_task.",
        "Call `purge` for all.",
        "~~~\npurge",
        "Then:\n\n    purge",
    ],
)
def test_a_skill_hides_with_a_tool_however_it_spells_it_a371(tmp_path: Path, text: str) -> None:
    manifest = with_purge(tmp_path, {"skills": {"clean": {"description": "D", "text": text}}})
    catalogue = load_catalogue(manifest)
    assert catalogue.skills["clean"].tools == (("purge" if "purge" in text else "delete_task"),)
    assert not list(allowed_skills(catalogue, frozenset(["@read"])))
    if text.startswith("Call"):
        said = {"skills": {"clean": {"description": text, "text": "Clean up."}}}
        assert load_catalogue(with_purge(tmp_path, said)).skills["clean"].tools


def test_a_prompt_hides_with_a_tool_that_it_names_a371(tmp_path: Path) -> None:
    said = {
        "clean": {"text": "Use delete_task."},
        "other": {"description": "`purge` all", "text": "x"},
    }
    catalogue = load_catalogue(with_purge(tmp_path, {"prompts": said}))
    assert not list(allowed_prompts(catalogue, frozenset(["@read"])))
    assert len(list(allowed_prompts(catalogue, frozenset(["@read", "@write"])))) == 2


def test_longer_names_and_ordinary_words_name_no_tool(tmp_path: Path) -> None:
    text = "Purge what undelete_task and delete_task_list left. `purge_all`, my_delete_task."
    said = {"skills": {"clean": {"description": "To purge", "text": text}}}
    assert load_catalogue(with_purge(tmp_path, said)).skills["clean"].tools == ()


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
