"""Large catalogues are searched instead of listed, with the authorization of direct calls."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from mcp_gateway.catalogue import catalogue
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.manifest.load import load_catalogue
from support.in_process.gateway import World, a_world

BOTH = pytest.mark.parametrize("era", ["old", "new"])
NOUNS = ("invoice", "customer", "refund", "plan", "coupon")
HEAD = "version: 1\nname: Shop\nopenapi: openapi.json\nsearch_above: 5\ntools:\n"
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
ORG = {"name": "org_id", "in": "query", "schema": {"type": "string"}}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway with fifteen tools, searched by callers who may use more than five."""
    paths: dict[str, Any] = {}
    tools = []
    for noun in NOUNS:
        paths[f"/{noun}s"] = {"get": {"operationId": f"list_{noun}s", "parameters": [ORG]}}
        paths[f"/{noun}s/{{id}}"] = {
            "parameters": [ID],
            "get": {"operationId": f"get_{noun}"},
            "delete": {"operationId": f"delete_{noun}"},
        }
        for tool, more in (
            (f"list_{noun}s", f"bind: {{org_id: tenant_id}}, description: List every {noun}."),
            (f"get_{noun}", f"description: Get one {noun} by its id."),
            (f"delete_{noun}", f"description: Permanently delete one {noun}."),
        ):
            tools.append(f"  {tool}: {{operation: {tool}, toolsets: [{noun}], {more}}}")
    document = {"openapi": "3.1.0", "paths": paths}
    (tmp_path / "openapi.json").write_bytes(orjson.dumps(document))
    manifest = tmp_path / "tools.yaml"
    manifest.write_text(HEAD + "\n".join(tools))
    async with a_world(tmp_path, manifest=manifest) as opened:
        yield opened


async def listed(world: World, era: str, token: str = "") -> list[str]:
    result = (await world.ask(era, "tools/list", token=token)).json()["result"]
    return [tool["name"] for tool in result["tools"]]


@BOTH
async def test_r17_three_tools_are_listed_in_place_of_a_large_catalogue(
    shop: World, era: str
) -> None:
    assert await listed(shop, era) == ["describe_tool", "execute_tool", "search_tools"]


@BOTH
async def test_a_person_who_may_use_few_tools_sees_them_directly(shop: World, era: str) -> None:
    token = shop.token(allowed_tools=["@invoice"])
    assert await listed(shop, era, token) == ["delete_invoice", "get_invoice", "list_invoices"]
    answer = await shop.ask(
        era, "tools/call", {"name": "search_tools", "arguments": {"query": "x"}}, token=token
    )
    assert answer.json()["error"]["message"] == "Unknown tool: search_tools"


@BOTH
async def test_a_token_that_names_many_tools_by_a_digest_allows_exactly_those_a117(
    shop: World, era: str, tmp_path: Path
) -> None:
    names = {f"get_{noun}" for noun in NOUNS} - {"get_plan"}
    short = load_catalogue(tmp_path / "tools.yaml").toolsets.shorten(names, room=0)
    token = shop.token(allowed_tools=sorted(short))

    assert not short & names
    assert await listed(shop, era, token) == sorted(names)
    assert (await shop.call(era, "get_coupon", {"id": "c"}, token=token))["isError"] is False
    answer = await shop.ask(era, "tools/call", {"name": "get_plan", "arguments": {}}, token=token)
    assert answer.json()["error"]["message"] == "Unknown tool: get_plan"


@BOTH
async def test_a_digest_of_other_tools_does_not_allow_these_a165(
    shop: World, era: str, tmp_path: Path
) -> None:
    manifest = (tmp_path / "tools.yaml").read_text()
    (tmp_path / "before.yaml").write_text(manifest.replace("  get_plan:", "  find_plan:"))
    before = load_catalogue(tmp_path / "before.yaml").toolsets
    token = shop.token(allowed_tools=sorted(before.shorten(before.tools, room=0)))

    assert await listed(shop, era, token) == [f"delete_{noun}" for noun in sorted(NOUNS)]


@BOTH
async def test_a_client_is_told_once_to_fetch_a_token_that_knows_the_tools_of_today(
    shop: World, era: str
) -> None:
    """After a gateway's new version, before ten minutes have passed: and never in circles."""
    named = ["@read~AAAAAAAAAAAA", "get_plan"]
    early = shop.token(allowed_tools=named)

    at_first = await shop.ask(era, "tools/list", token=early)
    shop.clock.advance(seconds=89)
    late = shop.token(allowed_tools=named)
    shop.clock.advance(seconds=10)
    at_once = await shop.ask(era, "tools/list", token=late)
    shop.clock.advance(seconds=60)
    for token in (early, late):
        refused = await shop.ask(era, "tools/list", token=token)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]

    assert (at_first.status_code, at_once.status_code) == (200, 200)
    slow_clock = int(shop.clock().timestamp()) - 30
    assert await listed(shop, era, shop.token(allowed_tools=named, iat=slow_clock)) == ["get_plan"]
    assert await listed(shop, era, shop.token(allowed_tools=["get_plan"])) == ["get_plan"]


@BOTH
async def test_a_search_answers_the_best_first_and_the_same_each_time(
    shop: World, era: str
) -> None:
    arguments = {"query": "please delete a refund", "limit": 3}
    result = await shop.call(era, "search_tools", arguments)
    found = [tool["name"] for tool in result["structuredContent"]["tools"]]
    assert found[0] == "delete_refund"
    assert len(found) == 3
    assert await shop.call(era, "search_tools", arguments) == result


@BOTH
async def test_a_described_tool_equals_its_entry_in_a_list(shop: World, era: str) -> None:
    described = await shop.call(era, "describe_tool", {"name": "get_plan"})
    direct = await shop.ask(era, "tools/list", token=shop.token(allowed_tools=["get_plan"]))
    assert [described["structuredContent"]] == direct.json()["result"]["tools"]


@BOTH
async def test_an_executed_tool_is_called_and_recorded_under_its_own_name(
    shop: World, era: str
) -> None:
    inner = {"name": "list_invoices", "arguments": {}}
    result = await shop.call(era, "execute_tool", inner)
    assert result["isError"] is False
    assert shop.api.requests[-1].url.endswith("/invoices?org_id=org_acme")
    assert [record["tool"] for record in shop.records] == ["list_invoices"]


INVOICES = orjson.dumps(
    {
        "data": [
            {"id": "i1", "owner": {"email": "ada@acme.example", "secret": "s"}, "lines": [1, 2]},
            {"id": "i2", "owner": None, "note": "late"},
        ],
        "total": 2,
    }
)


@BOTH
async def test_a_model_reads_only_the_fields_that_it_asks_for(shop: World, era: str) -> None:
    shop.api.answer = lambda _: HttpResponse(200, "application/json; charset=utf-8", INVOICES)
    inner = {"name": "list_invoices", "fields": ["data[].id", "data[].owner.email", "total"]}
    result = await shop.call(era, "execute_tool", inner)
    asked = {
        "data": [{"id": "i1", "owner": {"email": "ada@acme.example"}}, {"id": "i2"}],
        "total": 2,
    }
    assert result["structuredContent"] == asked
    assert len(result["content"]) == 1


@BOTH
async def test_a_model_that_asks_for_other_fields_is_told_which_there_are(
    shop: World, era: str
) -> None:
    shop.api.answer = lambda _: HttpResponse(200, "application/json", INVOICES)
    inner = {"name": "list_invoices", "fields": ["data[].id", "data[].mail", "items[]"]}
    result = await shop.call(era, "execute_tool", inner)
    assert result["structuredContent"] == {"data": [{"id": "i1"}, {"id": "i2"}]}
    assert result["content"][1]["text"] == (
        "The answer does not have: data[].mail, items[]. Its fields are: data[].id, "
        "data[].owner.email, data[].owner.secret, data[].lines[], data[].owner, data[].note, total."
    )


@BOTH
@pytest.mark.parametrize(
    ("status", "media_type", "body", "shown"),
    [
        (200, "text/plain", b"just text", "just text"),
        (200, "application/json", b"not JSON", "not JSON"),
        (404, "application/json", b'{"error":"no such shop"}', "no such shop"),
    ],
)
async def test_an_answer_without_fields_is_shown_whatever_a_model_asks_for(
    shop: World, era: str, status: int, media_type: str, body: bytes, shown: str
) -> None:
    shop.api.answer = lambda _: HttpResponse(status, media_type, body)
    result = await shop.call(era, "execute_tool", {"name": "list_invoices", "fields": ["id"]})
    assert shown in result["content"][0]["text"]


@BOTH
async def test_unknown_and_forbidden_tools_look_alike_to_all_three(shop: World, era: str) -> None:
    token = shop.token(allowed_tools=["@invoice", "@customer"])
    search = await shop.call(era, "search_tools", {"query": "refund", "limit": 25}, token=token)
    assert "refund" not in str(search["structuredContent"])
    for meta in ("describe_tool", "execute_tool"):
        answers = []
        for name in ("get_refund", "get_nothing"):
            params = {"name": meta, "arguments": {"name": name}}
            answer = await shop.ask(era, "tools/call", params, token=token)
            answers.append((answer.status_code, answer.text.replace(name, "NAME")))
        assert answers[0] == answers[1]
        assert "Unknown tool: NAME" in answers[0][1]
    assert shop.api.requests == []


async def test_an_executed_tool_needs_the_scope_a_direct_call_needs(shop: World) -> None:
    token = shop.token(scope="mcp:read")
    inner = {"name": "delete_plan", "arguments": {"id": "p"}}
    params = {"name": "execute_tool", "arguments": inner}
    wrapped = await shop.new("tools/call", params, token=token)
    direct = await shop.new("tools/call", inner, token=token)
    assert wrapped.status_code == direct.status_code == 403
    assert wrapped.headers["www-authenticate"] == direct.headers["www-authenticate"]
    assert shop.api.requests == []


@BOTH
@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("execute_tool", {}, "name: is required"),
        ("execute_tool", {"name": "get_plan", "arguments": 5}, "arguments: "),
        ("execute_tool", {"name": "get_plan", "arguments": {}}, "id: is required"),
        ("execute_tool", {"name": "get_plan", "fields": ["a..b"]}, "fields[0]: "),
        ("execute_tool", {"name": "get_plan", "fields": {"id": True}}, "fields: "),
        ("search_tools", {"query": ""}, "query: must be at least 1"),
        ("search_tools", {"query": "a", "limit": 1000}, "limit: must be at most 25"),
        ("describe_tool", {"tool": "get_plan"}, "tool: "),
    ],
)
async def test_a_malformed_call_is_explained_and_recorded(
    shop: World, era: str, name: str, arguments: Any, message: str
) -> None:
    result = await shop.call(era, name, arguments)
    assert result["isError"] is True
    assert message in result["content"][0]["text"]
    assert shop.records[-1]["reason"] == "invalid_arguments"
    assert shop.api.requests == []


@BOTH
async def test_the_three_tools_do_not_run_each_other_in_circles(shop: World, era: str) -> None:
    inner: dict[str, Any] = {"name": "execute_tool", "arguments": {"name": "get_plan"}}
    params = {"name": "execute_tool", "arguments": inner}
    answer = await shop.ask(era, "tools/call", params)
    assert answer.json()["error"]["message"] == "Unknown tool: execute_tool"


def test_a_manifest_that_is_searched_cannot_take_the_three_names(tmp_path: Path) -> None:
    from mcp_gateway.manifest.entries import ManifestError

    (tmp_path / "openapi.json").write_text('{"openapi": "3.1.0", "paths": {"/a": {"get": {}}}}')
    text = f"{HEAD}  search_tools: {{operation: GET /a}}\n"
    (tmp_path / "tools.yaml").write_text(text)
    with pytest.raises(ManifestError, match="the name is taken by search_above"):
        load_catalogue(tmp_path / "tools.yaml")
    (tmp_path / "tools.yaml").write_text(text.replace("search_above: 5\n", ""))
    assert "search_tools" in load_catalogue(tmp_path / "tools.yaml").tools


def test_a_fingerprint_does_not_take_the_schemas_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most values of a catalogue are parts of schemas, which are JSON already."""
    plain, taken = catalogue._plain, 0

    def counted(value: Any) -> Any:
        nonlocal taken
        taken += 1
        return plain(value)

    monkeypatch.setattr(catalogue, "_plain", counted)
    counts = []
    for fields in (1, 200):
        properties = {f"field_{n}": {"type": "string", "maxLength": n} for n in range(fields)}
        filters = {"type": "object", "properties": properties}
        body = {"content": {"application/json": {"schema": {"properties": {"f": filters}}}}}
        paths = {"/a": {"post": {"requestBody": body}}}
        (tmp_path / "openapi.json").write_bytes(orjson.dumps({"openapi": "3.1.0", "paths": paths}))
        (tmp_path / "tools.yaml").write_text(f"{HEAD}  add: {{operation: POST /a}}\n")
        taken = 0
        assert len(load_catalogue(tmp_path / "tools.yaml").hash) == 64
        counts.append(taken)

    assert counts[0] == counts[1]


@BOTH
async def test_the_words_of_a_search_that_finds_nothing_are_kept_without_identifiers(
    shop: World, era: str
) -> None:
    query = "Send an e-mail to ada@acme.example about order 4711 (urgent)"
    for text in (query, "refund"):
        found = await shop.call(era, "search_tools", {"query": text})
        assert bool(found["structuredContent"]["tools"]) == (text == "refund")

    assert [record["searched"] for record in shop.records] == [
        "send an e-mail to about order urgent",
        "",
    ]


@BOTH
async def test_an_operator_can_keep_no_words_of_searches(
    shop: World, era: str, tmp_path: Path
) -> None:
    manifest = shop.settings.manifest
    async with a_world(tmp_path, manifest=manifest, record_searches=False) as world:
        await world.call(era, "search_tools", {"query": "weather tomorrow"})

    assert [record["searched"] for record in world.records] == [""]
