"""Apps at the MCP endpoint: linked from tools, read by who may use the tool, narrowed for each caller."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.server_features.apps import find_app, link_app
from support.in_process.apps import MANIFEST, data_of, load_manifest, page_of, write_manifest
from support.in_process.gateway import META, MODERN, World, a_world

ERAS = pytest.mark.parametrize("era", ["old", "new"])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, manifest=write_manifest(tmp_path)) as opened:
        yield opened


async def read(world: World, era: str, uri: str, **claims: Any) -> httpx2.Response:
    """Read a resource."""
    params = {"uri": uri, **({"_meta": META} if era == "new" else {})}
    body = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": params}
    headers = {"mcp-protocol-version": "2025-11-25"}
    if era == "new":
        headers = {"mcp-protocol-version": MODERN, "mcp-method": "resources/read", "mcp-name": uri}
    return await world.post(body, token=world.token(**claims), headers=headers)


async def uris(world: World, era: str = "new", **claims: Any) -> dict[str, str]:
    """List the URIs of the apps, by the names of their tools."""
    answer = await world.ask(era, "tools/list", token=world.token(**claims))
    return {
        tool["name"]: tool["_meta"]["ui"]["resourceUri"]
        for tool in answer.json()["result"]["tools"]
        if "_meta" in tool
    }


def test_a_host_that_keeps_a_former_name_still_reads_the_app(tmp_path: Path) -> None:
    former = "    former: [{name: show_task, until: '2099-01-01'}]\n"
    text = MANIFEST.replace("    operation: getTask\n", f"    operation: getTask\n{former}")
    catalogue = load_manifest(tmp_path, text)
    uri = "ui://gatepost/show_task/0123456789ab"
    assert find_app(catalogue, frozenset(["@read"]), uri) is catalogue.tools["get_task"]
    assert find_app(catalogue, frozenset(["create_task"]), uri) is None


@ERAS
async def test_a_tool_names_its_app_and_the_app_is_read(world: World, era: str) -> None:
    named = await uris(world, era)
    assert named.keys() == {"list_tasks", "get_task", "create_task"}
    result = (await read(world, era, named["list_tasks"])).json()["result"]
    [contents] = result["contents"]
    assert contents["mimeType"] == "text/html;profile=mcp-app"
    assert contents["uri"] == named["list_tasks"]
    assert contents["_meta"]["ui"]["csp"] == {"connectDomains": [], "resourceDomains": []}
    assert contents["text"].startswith("<!doctype html>")
    assert data_of(contents["text"])["tool"] == "list_tasks"
    assert ("cacheScope" in result) is (era == "new")
    assert result.get("cacheScope", "private") == "private"


@ERAS
async def test_the_extension_is_declared_only_with_apps(
    world: World, era: str, tmp_path: Path
) -> None:
    async with a_world(tmp_path) as plain:
        for one, expected in ((world, True), (plain, False)):
            person = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
            method = "initialize" if era == "old" else "server/discover"
            result = (await one.ask(era, method, person)).json()["result"]
            extensions = result["capabilities"].get("extensions", {})
            assert ("io.modelcontextprotocol/ui" in extensions) is expected
            assert ("resources" in result["capabilities"]) is expected
        assert await uris(plain) == {}


@ERAS
async def test_apps_are_not_among_the_resources_that_models_read(world: World, era: str) -> None:
    assert (await world.ask(era, "resources/list")).json()["result"]["resources"] == []


async def test_a_client_that_watches_an_app_is_told_that_its_uri_changes_with_it(
    tmp_path: Path,
) -> None:
    manifest = write_manifest(tmp_path, f"{MANIFEST}resources: {{guide: {{text: How we work}}}}\n")
    async with a_world(tmp_path, manifest=manifest) as world:
        uri = (await uris(world))["list_tasks"]
        error = (await world.old("resources/subscribe", {"uri": uri})).json()["error"]
        assert (error["code"], error["data"]) == (-32602, {"uri": uri})
        reader = world.token(allowed_tools=["create_task"])
        refused = await world.old("resources/subscribe", {"uri": uri}, token=reader)
        assert refused.json()["error"]["code"] == -32002


@ERAS
async def test_the_app_of_a_tool_that_is_not_allowed_does_not_exist_a333(
    world: World, era: str
) -> None:
    named = await uris(world)
    reader = {"allowed_tools": ["list_tasks"]}
    assert (await uris(world, era, **reader)).keys() == {"list_tasks"}
    told = {}
    for uri in (named["create_task"], "ui://gatepost/nothing/123", "ui://gatepost/delete_task/1"):
        answer = await read(world, era, uri, **reader)
        told[uri] = (answer.status_code, answer.json()["error"]["code"])
        assert answer.json()["error"]["message"] == "Resource not found"
    assert len(set(told.values())) == 1


async def test_an_app_offers_only_tools_that_the_caller_may_use_a334(world: World) -> None:
    uri = (await uris(world))["list_tasks"]
    everything = data_of((await read(world, "new", uri)).json()["result"]["contents"][0]["text"])
    assert everything["row"]["tool"] == "get_task"
    assert everything["row"]["submit"]["tool"] == "update_task"
    assert everything["submit"]["tool"] == "create_task"
    for allowed, left in (
        (["list_tasks"], set()),
        (["@read"], {"row"}),
        (["list_tasks", "create_task"], {"submit"}),
    ):
        answer = await read(world, "new", uri, allowed_tools=allowed)
        data = data_of(answer.json()["result"]["contents"][0]["text"])
        assert data.keys() & {"row", "submit"} == left
        assert "submit" not in data.get("row", {})


async def test_a_page_that_a_host_kept_leads_to_the_newest_one(world: World) -> None:
    uri = (await uris(world))["get_task"]
    former = f"{uri.rpartition('/')[0]}/000000000000"
    pages = [
        (await read(world, "new", one)).json()["result"]["contents"][0] for one in (uri, former)
    ]
    assert pages[0]["text"] == pages[1]["text"]
    assert [page["uri"] for page in pages] == [uri, former]


def test_the_uri_changes_with_the_page_and_only_then(tmp_path: Path) -> None:
    texts = (MANIFEST, MANIFEST.replace("title: Task,", "title: One task,"))
    (one, other) = (load_manifest(tmp_path, text) for text in texts)
    changed = {
        name
        for name in ("list_tasks", "get_task", "create_task")
        if link_app(one, one.tools[name]) != link_app(other, other.tools[name])
    }
    assert changed == {"list_tasks", "get_task"}


def test_a_page_is_small_complete_and_lets_itself_request_nothing(tmp_path: Path) -> None:
    catalogue = load_manifest(tmp_path)
    for tool in ("list_tasks", "get_task", "create_task"):
        page = page_of(catalogue, tool)
        assert len(page.encode()) < 34_000
        assert not re.search(r"""(src|href|action)\s*=|url\(|@import|https?:""", page)
        [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
        rules = dict(rule.split(" ", 1) for rule in unescape(policy).split("; "))
        assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
        assert "unsafe" not in policy
        for rule, tag in (("script-src", "script"), ("style-src", "style")):
            [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
            digest = b64encode(sha256(text.encode()).digest()).decode()
            assert rules[rule] == f"'sha256-{digest}'"


def test_no_text_of_the_manifest_or_document_becomes_markup_a335(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><!--"
    text = MANIFEST.replace("title: New task", f'title: "{evil}"')
    text = text.replace("title: Change the task", f'title: "{evil}"')
    catalogue = load_manifest(tmp_path, text)
    for tool in ("create_task", "get_task"):
        page = page_of(catalogue, tool)
        assert "alert(1)</script>" not in page
        assert page.count("<script") == page.count("</script>") == 2
        assert "<!--" not in page
    assert data_of(page_of(catalogue, "create_task"))["title"] == evil


async def test_an_app_reads_structured_content_however_long_the_answer_is(world: World) -> None:
    items = [{"id": f"tsk_{n}", "title": "x" * 200} for n in range(600)]
    body = orjson.dumps({"items": items, "next_cursor": "more"})
    world.api.answer = lambda _: HttpResponse(200, "application/json", body)
    result = await world.call("new", "list_tasks")
    shown = result["structuredContent"]["items"]
    assert 100 < len(shown) < 600
    assert "gatepost/truncated" in result["_meta"]
    assert orjson.loads(result["content"][0]["text"])["items"] == shown
    # A tool without an app sends it only if it is short.
    world.api.answer = lambda _: HttpResponse(200, "application/json", body)
    assert "structuredContent" not in await world.call("new", "update_task", {"task_id": "1"})


@ERAS
async def test_a_forms_call_is_confirmed_like_any_other_a339(world: World, era: str) -> None:
    """An app has no way of its own to call: it asks the host, whose call has the same rules."""
    answer = await world.ask(
        era, "tools/call", {"name": "delete_task", "arguments": {"task_id": "tsk_1"}}
    )
    body = answer.json()
    assert body.get("result", {}).get("isError", "error" in body)
    assert world.api.requests == []
