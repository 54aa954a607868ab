"""After a directory approved the tools, changes wait until the operator acknowledges them."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import create_server
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from structlog.testing import capture_logs

from gatepost_cli.config import config
from mcp_gateway.catalogue.lock import Lock, lock_catalogue, read_lock
from mcp_gateway.directories.approved import Approval, find_drift, keep_approved
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.publishing.command import publish
from support.in_process.gateway import API, Reports, World, a_world
from support.processes.configuration import write_config

URL = "http://127.0.0.1:8401/mcp"
ALL = ["create_task", "delete_task", "get_task", "list_tasks", "list_team_tasks"]
NEW_TOOL = "  find_tasks: {operation: listTasks, bind: {tenant_id: tenant_id}}\n  get_task:"
OTHER_WORDS = ("Get one task by its id.", "Get one task, with all of its comments.")
OTHER_ARGUMENTS = ("{name: q, in: query", "{name: words, in: query")
OTHER_HINTS = ("title: Create a task", "title: Create a task\n    destructive: true")


def run(folder: Path, *options: str) -> Result:
    """Run `gatepost publish` for the gateway of these tests."""
    section = {
        "resource": URL,
        "issuer": "http://127.0.0.1:8400",
        "manifest": "tools.yaml",
        "upstream_url": "http://127.0.0.1:8402",
        "signing_key": "gateway.pem",
    }
    path = write_config(folder, mcp_gateway=section)
    result = CliRunner().invoke(publish, [*options, "--config", str(path)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a manifest that Claude's directory approved."""
    for name in ("tools.yaml", "openapi.yaml"):
        shutil.copy(API / name, tmp_path / name)
    result = run(tmp_path, "--approved", "claude")
    assert (result.exit_code, "5 tools" in result.output) == (0, True)
    return tmp_path


def change(folder: Path, texts: tuple[str, str], name: str = "tools.yaml") -> None:
    """Replace a text of one of the files."""
    file = folder / name
    assert texts[0] in file.read_text()
    file.write_text(file.read_text().replace(*texts, 1))


@asynccontextmanager
async def client_of(world: World) -> AsyncIterator[Client]:
    """The official client, connected to the gateway."""
    world.http.headers["authorization"] = f"Bearer {world.token()}"
    async with Client(streamable_http_client(URL, http_client=world.http)) as client:
        yield client


async def listed(world: World) -> dict[str, Any]:
    async with client_of(world) as client:
        return {tool.name: tool for tool in (await client.list_tools()).tools}


async def state(world: World) -> str:
    answer = await world.http.get("/readyz")
    assert answer.status_code == 200
    return str(answer.json()["details"]["catalogue"])


async def test_tools_that_are_as_approved_are_served_as_ever(folder: Path) -> None:
    async with a_world(folder, manifest=folder / "tools.yaml") as world:
        assert list(await listed(world)) == ALL
        assert await state(world) == "current"


@pytest.mark.parametrize(
    ("texts", "file", "left_out", "said"),
    [
        (OTHER_ARGUMENTS, "openapi.yaml", {"list_tasks", "list_team_tasks"}, "other arguments"),
        (OTHER_HINTS, "tools.yaml", {"create_task"}, "other annotations"),
        (("  get_task:", NEW_TOOL), "tools.yaml", {"find_tasks"}, "not in the approved list"),
    ],
    ids=["arguments", "hints", "new"],
)
async def test_a_tool_that_changed_after_the_review_waits_at_a_start_a344(
    folder: Path, texts: tuple[str, str], file: str, left_out: set[str], said: str
) -> None:
    change(folder, texts, file)
    differ = "tool differs" if len(left_out) == 1 else "tools differ"
    with capture_logs() as logs:
        async with a_world(folder, manifest=folder / "tools.yaml") as world:
            assert set(await listed(world)) == set(ALL) - left_out
            assert await state(world) == (
                f"withheld: {len(left_out)} {differ} from what a directory approved"
            )
            async with client_of(world) as client:
                with pytest.raises(MCPError, match="Unknown tool"):
                    await client.call_tool(next(iter(left_out)), {})
            assert world.api.requests == []

            assert run(folder, "--acknowledge", "claude").exit_code == 0
            await world.looks.look()
            assert set(await listed(world)) == set(ALL) | left_out
            assert await state(world) == "current"
    [told] = [line for line in logs if line["event"] == "tools_withheld"]
    assert said in told["problems"]
    assert "`gatepost publish --acknowledge claude`" in told["problems"]


async def test_words_stay_as_approved_at_a_start_and_the_tool_works_a344(folder: Path) -> None:
    change(folder, OTHER_WORDS)
    async with a_world(folder, manifest=folder / "tools.yaml") as world:
        assert (await listed(world))["get_task"].description == OTHER_WORDS[0]
        async with client_of(world) as client:
            assert not (await client.call_tool("get_task", {"id": "7"})).is_error

        run(folder, "--acknowledge", "claude")
        await world.looks.look()
        assert (await listed(world))["get_task"].description == OTHER_WORDS[1]


@pytest.mark.parametrize(
    ("texts", "file"),
    [(OTHER_WORDS, "tools.yaml"), (OTHER_ARGUMENTS, "openapi.yaml")],
    ids=["words", "arguments"],
)
async def test_a_running_gateway_keeps_what_was_approved_a344(
    folder: Path, texts: tuple[str, str], file: str
) -> None:
    async with a_world(folder, manifest=folder / "tools.yaml") as world:
        before = await listed(world)
        change(folder, texts, file)
        with capture_logs() as logs:
            await world.looks.look()
        assert await listed(world) == before
        [told] = [line for line in logs if line["event"] == "catalogue_kept"]
        assert "claude: " in told["problems"]
        assert (await state(world)).startswith("withheld: ")

        change(folder, (texts[1], texts[0]), file)
        await world.looks.look()
        assert await state(world) == "current"
        change(folder, texts, file)
        await world.looks.look()
        run(folder, "--acknowledge", "claude")
        await world.looks.look()
        assert await listed(world) != before
        assert await state(world) == "current"


async def test_a_tool_that_is_gone_is_reported_until_it_is_acknowledged(folder: Path) -> None:
    file = folder / "tools.yaml"
    head, _, rest = file.read_text().partition("  delete_task:")
    file.write_text(head)
    assert "deleteTask" in rest
    async with a_world(folder, manifest=file) as world:
        assert set(await listed(world)) == set(ALL) - {"delete_task"}
        assert (await state(world)).startswith("withheld: 1 tool differs")
    acknowledged = run(folder, "--acknowledge", "claude")
    assert "claude: delete_task was approved, and is no longer exposed" in acknowledged.output
    async with a_world(folder, manifest=file) as world:
        assert await state(world) == "current"


async def test_a_change_that_models_do_not_see_needs_no_review(folder: Path) -> None:
    change(folder, ("    title: Get a task", "    title: Get a task\n    deadline: 7"))
    async with a_world(folder, manifest=folder / "tools.yaml") as world:
        assert await state(world) == "current"


async def test_two_directories_must_both_have_approved_a_tool(folder: Path) -> None:
    change(folder, OTHER_HINTS)
    run(folder, "--approved", "openai")
    async with a_world(folder, manifest=folder / "tools.yaml") as world:
        assert "create_task" not in await listed(world)


async def test_words_that_one_of_two_directories_approved_are_not_served_a384(folder: Path) -> None:
    change(folder, OTHER_WORDS)
    run(folder, "--approved", "openai")
    change(folder, (OTHER_WORDS[1], "Get a task in yet other words."))
    async with a_world(folder, manifest=folder / "tools.yaml") as world:
        assert "get_task" not in await listed(world)
    # Claude's later list has the words that OpenAI approved.
    change(folder, ("Get a task in yet other words.", OTHER_WORDS[1]))
    run(folder, "--acknowledge", "claude")
    change(folder, (OTHER_WORDS[1], "Get a task in yet other words."))
    async with a_world(folder, manifest=folder / "tools.yaml") as world:
        assert (await listed(world))["get_task"].description == OTHER_WORDS[1]


async def test_a_lost_record_of_an_approval_does_not_switch_the_guard_off_a384(
    folder: Path,
) -> None:
    change(folder, OTHER_WORDS)
    run(folder, "--acknowledge", "claude")
    async with a_world(folder, manifest=folder / "tools.yaml") as world:
        (folder / "approved.claude.lock.json").unlink()
        change(folder, OTHER_HINTS)
        await world.looks.look()
        assert (await listed(world))["create_task"].annotations.destructive_hint is False
    with pytest.raises(ManifestError, match=r"approved\.claude\.lock\.json is missing beside"):
        async with a_world(folder, manifest=folder / "tools.yaml"):
            pass


async def test_a_new_approval_replaces_the_acknowledgement(folder: Path) -> None:
    change(folder, OTHER_WORDS)
    run(folder, "--acknowledge", "claude")
    assert (folder / "acknowledged.claude.lock.json").exists()
    run(folder, "--approved", "claude")
    assert not (folder / "acknowledged.claude.lock.json").exists()
    assert run(folder, "--acknowledge", "claude").output == "No changes.\n"


def test_nothing_can_be_acknowledged_before_an_approval(folder: Path) -> None:
    result = run(folder, "--acknowledge", "openai")
    assert result.exit_code == 1
    assert "gatepost publish --approved openai" in result.output


async def test_a_broken_record_stops_a_start_and_keeps_a_running_catalogue(folder: Path) -> None:
    lock = folder / "approved.claude.lock.json"
    async with a_world(folder, manifest=folder / "tools.yaml") as world:
        lock.write_text("{")
        await world.looks.look()
        assert list(await listed(world)) == ALL
    with pytest.raises(ManifestError, match=r"approved\.claude\.lock\.json"):
        async with a_world(folder, manifest=folder / "tools.yaml"):
            pass


def test_a_record_is_read_as_it_was_written_whatever_the_schemas(tmp_path: Path) -> None:
    """Numbers, lists and hidden characters of schemas survive the file."""
    for name in ("tools.yaml", "talking.yaml"):
        catalogue = load_catalogue(API / name)
        (tmp_path / "lock.json").write_bytes(lock_catalogue(catalogue).write())
        read = read_lock(tmp_path / "lock.json")
        assert read is not None
        assert find_drift(catalogue, [Approval("claude", read)]) == []


@pytest.mark.parametrize("title", [None, 7])
def test_a_record_without_words_serves_none(title: object) -> None:
    catalogue = load_catalogue(API / "tools.yaml")
    records = dict(lock_catalogue(catalogue).tools)
    records["get_task"] = {**records["get_task"], "title": title}
    served = keep_approved(catalogue, [Approval("claude", Lock(records))])
    assert set(served.tools) == set(ALL) - {"get_task"}


def test_words_come_from_the_record_that_differs_least() -> None:
    catalogue = load_catalogue(API / "tools.yaml")
    records = dict(lock_catalogue(catalogue).tools)
    near = {**records["get_task"], "description": "Approved words."}
    far = {**records["get_task"], "description": "Other words.", "inputSchema": {"type": "object"}}
    approval = Approval(
        "claude", Lock({**records, "get_task": near}), Lock({**records, "get_task": far})
    )
    served = keep_approved(catalogue, [approval])
    assert served.tools["get_task"].description == "Approved words."


def test_the_check_of_the_configuration_stops_a_release_that_drifts(folder: Path) -> None:
    change(folder, OTHER_WORDS)
    run(folder, "--acknowledge", "openai")
    result = CliRunner().invoke(config, ["check", "--config", str(folder / "gatepost.yaml")])
    assert result.exit_code == 1
    assert "claude: get_task has another title or description than approved" in result.output


async def test_metrics_and_reports_count_the_tools_that_wait(folder: Path) -> None:
    change(folder, OTHER_WORDS)
    change(folder, ("  get_task:", NEW_TOOL))
    bound = create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{bound.getsockname()[1]}/metrics"
    reports = Reports()
    manifest = folder / "tools.yaml"
    async with a_world(folder, manifest=manifest, metrics=bound, reports=reports) as world:
        assert await state(world) == "withheld: 2 tools differ from what a directory approved"
        assert (await reports.next()).tools_withheld == 2
        async with httpx2.AsyncClient(trust_env=False) as http:
            page = (await http.get(url)).text
    assert "\ngatepost_tools_withheld 2\n" in page


NAMES = st.sets(st.sampled_from(ALL))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(approved=NAMES, acknowledged=st.none() | NAMES)
def test_what_is_served_was_approved_or_acknowledged_whatever_the_lists(
    approved: set[str], acknowledged: set[str] | None
) -> None:
    catalogue = load_catalogue(API / "tools.yaml")
    records = lock_catalogue(catalogue).tools

    def lock(names: set[str]) -> Lock:
        return Lock({name: records[name] for name in names})

    later = None if acknowledged is None else lock(acknowledged)
    approval = Approval("claude", lock(approved), later)
    served = keep_approved(catalogue, [approval])
    assert set(served.tools) == approved | (acknowledged or set())
    # What was approved and acknowledged as it is now never drifts.
    current = approved if acknowledged is None else acknowledged
    changed = {drift.tool for drift in find_drift(catalogue, [approval])}
    assert changed == set(ALL) - approved - (acknowledged or set())
    assert changed.isdisjoint(current)
