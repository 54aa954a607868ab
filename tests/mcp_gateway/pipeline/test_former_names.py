"""A tool is renamed: clients that know its former name go on, and nobody may do more than before."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from gatepost.allowed_tools import Toolsets
from gatepost.metering.call_event import read_event, without_words, write_event
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from support.in_process.call_events import call_event
from support.in_process.gateway import META, MODERN, World, a_world

BOTH = pytest.mark.parametrize("era", ["old", "new"])
HEAD = "version: 1\nname: Shop\nopenapi: openapi.json\n"
UNTIL = "2099-12-31"
BEFORE = """
tools:
  list_todos: {operation: listTasks, bind: {org_id: tenant_id}}
  add_todo: {operation: addTask, bind: {org_id: tenant_id}, confirm: Add it?}
  list_people: {operation: listPeople}
"""
AFTER = f"""
tools:
  list_tasks:
    operation: listTasks
    bind: {{org_id: tenant_id}}
    former: [{{name: list_todos, until: "{UNTIL}", arguments: {{words: q, most: limit}}}}]
  add_task:
    operation: addTask
    bind: {{org_id: tenant_id}}
    confirm: Add it?
    former: [{{name: add_todo, until: "{UNTIL}"}}]
  list_people: {{operation: listPeople}}
"""


def _query(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": kind}, **more}


def write_manifest(folder: Path, tools: str = AFTER, head: str = HEAD) -> Path:
    """Write a manifest beside a small document."""
    listed = [_query("org_id"), _query("q", required=True), _query("limit", "integer")]
    paths = {
        "/tasks": {
            "get": {"operationId": "listTasks", "parameters": listed},
            "post": {"operationId": "addTask", "parameters": [_query("org_id"), _query("title")]},
        },
        "/people": {"get": {"operationId": "listPeople"}},
    }
    (folder / "openapi.json").write_bytes(orjson.dumps({"openapi": "3.1.0", "paths": paths}))
    manifest = folder / "tools.yaml"
    manifest.write_text(head + tools)
    return manifest


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway whose tools were renamed before it started."""
    async with a_world(tmp_path, manifest=write_manifest(tmp_path)) as opened:
        yield opened


@pytest.fixture
async def renamed(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway whose tools are renamed while it serves."""
    manifest = write_manifest(tmp_path, BEFORE)
    async with a_world(tmp_path, manifest=manifest) as opened:
        manifest.write_text(HEAD + AFTER)
        await opened.looks.look()
        yield opened


def rewrite(world: World, tools: str) -> None:
    """Change the tools of the manifest."""
    world.settings.served_apis[0].manifest.write_text(HEAD + tools)


def text_of(result: dict[str, Any]) -> str:
    """Read the first block of a result."""
    text: str = result["content"][0]["text"]
    return text


async def names(world: World, era: str, token: str = "") -> list[str]:
    """List the tools of a caller."""
    answer = await world.ask(era, "tools/list", token=token)
    return [tool["name"] for tool in answer.json()["result"]["tools"]]


@BOTH
async def test_a_call_by_a_former_name_reaches_the_tool_with_its_arguments_renamed(
    shop: World, era: str
) -> None:
    result = await shop.call(era, "list_todos", {"words": "late", "most": "5"})

    assert result["isError"] is False
    assert shop.api.requests[0].url.endswith("/tasks?org_id=org_acme&q=late&limit=5")
    assert result["_meta"]["gatepost/renamed"] == "list_tasks"
    [record] = shop.records
    assert (record["tool"], record["called_as"]) == ("list_tasks", "list_todos")


@BOTH
async def test_a_call_by_the_present_name_is_told_and_counted_as_nothing_special(
    shop: World, era: str
) -> None:
    result = await shop.call(era, "list_tasks", {"q": "late"})

    assert "gatepost/renamed" not in result["_meta"]
    assert shop.records[0]["called_as"] == ""
    assert await names(shop, era) == ["add_task", "list_people", "list_tasks"]


@BOTH
async def test_problems_name_arguments_as_the_client_knows_them(shop: World, era: str) -> None:
    result = await shop.call(era, "list_todos", {"most": "many", "wrds": "x"})

    said = text_of(result)
    assert "- words: is required" in said
    assert "- most: must be an integer" in said
    assert "- wrds: unknown argument; did you mean 'words'?" in said
    assert "limit" not in said
    assert shop.api.requests == []
    assert shop.records[0]["reason"] == "invalid_arguments"


@BOTH
async def test_the_present_arguments_are_not_known_under_the_former_name(
    shop: World, era: str
) -> None:
    result = await shop.call(era, "list_todos", {"q": "late"})

    assert "- q: unknown argument" in text_of(result)
    assert shop.api.requests == []


@BOTH
async def test_after_its_last_day_a_former_name_is_refused_with_the_present_one(
    shop: World, era: str
) -> None:
    shop.clock.advance(days=(date(2100, 1, 1) - shop.clock().date()).days - 1)
    assert (await shop.call(era, "list_todos", {"words": "late"}))["isError"] is False
    shop.clock.advance(days=1)
    result = await shop.call(era, "list_todos", {"words": "late"})

    assert "list_todos is called list_tasks now" in text_of(result)
    assert len(shop.api.requests) == 1
    assert [record["reason"] for record in shop.records] == ["", "former_name"]


@BOTH
async def test_a_former_name_does_not_tell_the_present_one_to_who_may_not_use_it_a349(
    shop: World, era: str
) -> None:
    token = shop.token(allowed_tools=["list_people"])
    answers = [
        (await shop.ask(era, "tools/call", {"name": name, "arguments": {}}, token=token)).json()
        for name in ("list_todos", "list_nothing")
    ]

    written = [orjson.dumps(one).decode() for one in answers]
    assert "list_tasks" not in written[0]
    assert written[0].replace("list_todos", "list_nothing") == written[1]
    assert [record["tool"] for record in shop.records] == ["list_todos", "list_nothing"]
    assert shop.records[0]["called_as"] == ""


@BOTH
async def test_a_person_confirms_a_call_by_a_former_name_too(shop: World, era: str) -> None:
    call = {"name": "add_todo", "arguments": {"title": "Paint"}}
    answer = await shop.ask(era, "tools/call", call)

    assert "This call needs an answer through the client" in answer.text
    assert shop.api.requests == []


@BOTH
async def test_a_former_name_works_through_the_tools_for_large_catalogues(
    tmp_path: Path, era: str
) -> None:
    manifest = write_manifest(tmp_path, AFTER, f"{HEAD}search_above: 1\n")
    async with a_world(tmp_path, manifest=manifest) as world:
        shown = await world.call(era, "describe_tool", {"name": "list_todos"})
        call = {"name": "list_todos", "arguments": {"words": "late"}}
        result = await world.call(era, "execute_tool", call)

    assert orjson.loads(text_of(shown))["name"] == "list_tasks"
    assert result["_meta"]["gatepost/renamed"] == "list_tasks"
    assert world.records[-1]["called_as"] == "list_todos"


async def test_mirrored_arguments_are_compared_under_their_former_names(tmp_path: Path) -> None:
    tools = AFTER.replace(
        "    former: [{name: list_todos", "    mirror: {q: Words}\n    former: [{name: list_todos"
    )
    async with a_world(tmp_path, manifest=write_manifest(tmp_path, tools)) as world:
        params = {"name": "list_todos", "arguments": {"words": "late"}, "_meta": META}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {
            "mcp-protocol-version": MODERN,
            "mcp-method": "tools/call",
            "mcp-name": "list_todos",
        }
        wrong = await world.post(body, headers={**headers, "mcp-param-words": "early"})
        right = await world.post(body, headers={**headers, "mcp-param-words": "late"})

    assert "error" in wrong.json()
    assert right.json()["result"]["isError"] is False


async def test_the_purpose_is_removed_before_arguments_are_renamed(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, AFTER, f"{HEAD}ask_purpose: true\n")
    async with a_world(tmp_path, manifest=manifest) as world:
        given = {"words": "late", "purpose": "weekly report"}
        result = await world.call("new", "list_todos", given)

    assert result["isError"] is False
    assert world.records[0]["purpose"] == "weekly report"


# --- what tokens of before allow -------------------------------------------------------------------


@BOTH
async def test_a_token_that_names_the_former_name_goes_on_allowing_the_tool(
    renamed: World, era: str
) -> None:
    token = renamed.token(allowed_tools=["list_todos"])

    assert await names(renamed, era, token) == ["list_tasks"]
    for name, argument in (("list_todos", "words"), ("list_tasks", "q")):
        result = await renamed.call(era, name, {argument: "late"}, token=token)
        assert result["isError"] is False


@BOTH
async def test_a_token_that_names_a_digest_of_before_goes_on_allowing_the_tool(
    renamed: World, era: str
) -> None:
    before = Toolsets.of({"list_todos": ["read"], "list_people": ["read"], "add_todo": ["write"]})
    [digest] = [key for key in before.members if key.startswith("@read~")]
    token = renamed.token(allowed_tools=[digest])

    assert await names(renamed, era, token) == ["list_people", "list_tasks"]


@BOTH
@pytest.mark.parametrize(
    "wider",
    [
        "{operation: addTask, bind: {org_id: tenant_id}, former: [FORMER]}",
        "{operation: listTasks, former: [FORMER]}",
        "{operation: listTasks, bind: {org_id: tenant_id}, scope: mcp:admin, former: [FORMER]}",
        "{operation: listTasks, bind: {org_id: tenant_id}, read_only: false, former: [FORMER]}",
    ],
)
async def test_a_renamed_tool_that_needs_more_is_not_allowed_by_its_former_name_a350(
    tmp_path: Path, era: str, wider: str
) -> None:
    """It changes data, is not bound to the tenant, or needs a higher scope than before."""
    manifest = write_manifest(tmp_path, BEFORE)
    async with a_world(tmp_path, manifest=manifest) as world:
        tool = wider.replace("FORMER", f'{{name: list_todos, until: "{UNTIL}"}}')
        manifest.write_text(f"{HEAD}tools:\n  list_tasks: {tool}\n")
        await world.looks.look()
        token = world.token(allowed_tools=["list_todos"], scope="mcp:admin")

        assert await names(world, era, token) == []
        answer = await world.ask(
            era, "tools/call", {"name": "list_todos", "arguments": {"q": "x"}}, token=token
        )
        assert "Unknown tool: list_todos" in answer.text
        assert world.api.requests == []


@BOTH
async def test_a_tool_that_no_longer_asks_its_person_is_not_allowed_by_its_former_name_a350(
    tmp_path: Path, era: str
) -> None:
    manifest = write_manifest(tmp_path, BEFORE)
    async with a_world(tmp_path, manifest=manifest) as world:
        manifest.write_text(HEAD + AFTER.replace("    confirm: Add it?\n", ""))
        await world.looks.look()

        assert await names(world, era, world.token(allowed_tools=["add_todo"])) == []


@BOTH
async def test_a_former_name_does_not_allow_a_tool_that_stood_beside_it_a351(
    tmp_path: Path, era: str
) -> None:
    """People decided about both, so that the consent to one is not the consent to the other."""
    manifest = write_manifest(tmp_path, BEFORE)
    async with a_world(tmp_path, manifest=manifest) as world:
        former = f'former: [{{name: list_todos, until: "{UNTIL}"}}]'
        tools = f"tools:\n  list_people: {{operation: listTasks, bind: {{org_id: tenant_id}}, {former}}}\n"
        rewrite(world, tools)
        await world.looks.look()

        assert await names(world, era, world.token(allowed_tools=["list_todos"])) == []


async def test_a_rename_stays_known_when_the_files_change_again(renamed: World) -> None:
    token = renamed.token(allowed_tools=["list_todos"])
    rewrite(renamed, AFTER.replace("  list_people: {operation: listPeople}\n", ""))
    await renamed.looks.look()
    assert await names(renamed, "new", token) == ["list_tasks"]

    rewrite(
        renamed,
        AFTER.replace("  list_people: {operation: listPeople}\n", "").replace(
            "bind: {org_id: tenant_id}\n    former: [{name: list_todos",
            "scope: mcp:admin\n    former: [{name: list_todos",
        ),
    )
    await renamed.looks.look()
    assert await names(renamed, "new", token) == []


async def test_a_gateway_that_started_anew_lets_older_tokens_be_refreshed_once(shop: World) -> None:
    """Its authorization server names the tool by then, if it may."""
    before = shop.token(allowed_tools=["list_todos"])
    assert (await shop.old("tools/list", token=before)).status_code == 200

    shop.clock.advance(seconds=151)
    assert (await shop.old("tools/list", token=before)).status_code == 401
    after = shop.token(allowed_tools=["list_todos", "list_tasks"])
    assert await names(shop, "old", after) == ["list_tasks"]
    unproven = shop.token(allowed_tools=["list_todos"])
    assert await names(shop, "old", unproven) == []


# --- the manifest ----------------------------------------------------------------------------------

TASKS = "list_tasks: {operation: listTasks, bind: {org_id: tenant_id}, former: "
FAULTS = [
    (
        f"{TASKS}[{{name: list_people, until: '2099-01-01'}}]}}",
        "tools.list_tasks.former[0].name: list_people is a tool of this manifest",
    ),
    (
        f"{TASKS}[{{name: a, until: '2099-01-01'}}, {{name: a, until: '2099-01-01'}}]}}",
        "tools.list_tasks.former[1].name: a is a former name of list_tasks too; keep one",
    ),
    (
        f"{TASKS}[{{name: a, until: '2099-02-31'}}]}}",
        "tools.list_tasks.former[0].until: must be a calendar date, such as 2027-06-30",
    ),
    (f"{TASKS}[{{name: a}}]}}", "tools.list_tasks.former.0.until: missing"),
    (
        f"{TASKS}[{{name: a, until: '2099-01-01', arguments: {{old: query}}}}]}}",
        "tools.list_tasks.former[0].arguments.old: no argument 'query' now; it has limit, q",
    ),
    (
        f"{TASKS}[{{name: a, until: '2099-01-01', arguments: {{x: q, y: q}}}}]}}",
        "tools.list_tasks.former[0].arguments.y: q has another former name already",
    ),
    (
        f"{TASKS}[{{name: a, until: '2099-01-01', arguments: {{limit: q}}}}]}}",
        "tools.list_tasks.former[0].arguments.limit: the tool has an argument of that name",
    ),
    (
        f"{TASKS}[{{name: a, until: '2099-01-01', arguments: {{q: q}}}}]}}",
        "tools.list_tasks.former[0].arguments.q: has this name now; remove it",
    ),
    (
        f"{TASKS}[{{name: a, until: '2099-01-01', arguments: {{old: 5}}}}]}}",
        "tools.list_tasks.former.0.arguments.old: must be text",
    ),
]


@pytest.mark.parametrize(("tool", "message"), FAULTS)
def test_a_former_name_that_can_not_be_served_is_named_with_its_fix(
    tmp_path: Path, tool: str, message: str
) -> None:
    tools = f"tools:\n  list_people: {{operation: listPeople}}\n  {tool}\n"
    manifest = write_manifest(tmp_path, tools)

    with pytest.raises(ManifestError) as refused:
        load_catalogue(manifest)

    assert f"{manifest}: {message}" in str(refused.value)


def test_arguments_may_swap_their_names(tmp_path: Path) -> None:
    former = "[{name: a, until: '2099-01-01', arguments: {q: limit, limit: q}}]"
    manifest = write_manifest(tmp_path, f"tools:\n  {TASKS}{former}}}\n")

    [former_name] = load_catalogue(manifest).tools["list_tasks"].former

    assert former_name.rename({"q": 5, "limit": "x"}) == {"limit": 5, "q": "x"}
    assert former_name.input_schema["required"] == ["limit"]


def test_an_event_names_the_former_name_and_logs_do_not() -> None:
    event = call_event(datetime(2026, 11, 30, tzinfo=UTC), called_as="list_todos")

    assert read_event(orjson.loads(write_event(event))) == event
    assert without_words(write_event(event)) == write_event(event._replace(called_as=""))
