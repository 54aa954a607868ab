"""Arguments that the gateway fills with a credential or a constant, or never sends."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gatepost.settings import SettingsError
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import World, a_world

SECRET = "s3cret+0123456789="
TEXT = {"type": "string"}
TOKEN_URL = "https://login.example/token"
FORM = "application/x-www-form-urlencoded"


def body(kind: str) -> dict[str, Any]:
    """Describe an operation that wants its key in the body."""
    properties = {"key": TEXT, "text": TEXT, "format": {"enum": ["json", "xml"]}, "debug": TEXT}
    schema = {"type": "object", "required": ["key"], "properties": properties}
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}}


def parameters(location: str) -> dict[str, Any]:
    """Describe an operation that wants its key in a place."""
    key = {"name": "key", "in": location, "required": True, "schema": TEXT}
    more = [{"name": name, "in": "query", "schema": TEXT} for name in ("text", "format", "debug")]
    return {"parameters": [key, *more]}


OPERATIONS = {
    "query": ("/q", parameters("query")),
    "path": ("/bot{key}/send", parameters("path")),
    "json": ("/j", body("application/json")),
    "form": ("/f", body(FORM)),
    "multipart": ("/m", body("multipart/form-data")),
}
WRITTEN = {
    "query": f"key={quote(SECRET, safe='')}&text=hi&format=json",
    "path": f"/bot{quote(SECRET, safe='')}/send?text=hi&format=json",
    "json": f'{{"key":"{SECRET}","text":"hi","format":"json"}}',
    "form": f"key={quote(SECRET, safe='')}&text=hi&format=json",
    "multipart": f'name="key"\r\n\r\n{SECRET}\r\n',
}
FILL = "{key: {credential: theirKey}, format: {value: json}, debug: {omit: true}}"
USUAL = {"theirKey": {"mode": "static", "value": SECRET}}


def manifest(folder: Path, *, fill: str = FILL, head: str = "") -> Path:
    """Write a manifest with a tool for each operation, all of which fill the same arguments."""
    paths = {
        path: {"post": {"operationId": name, **described}}
        for name, (path, described) in OPERATIONS.items()
    }
    (folder / "openapi.json").write_text(json.dumps({"openapi": "3.1.0", "paths": paths}))
    tools = "".join(f"  {name}: {{operation: {name}, fill: {fill}}}\n" for name in OPERATIONS)
    (folder / "tools.yaml").write_text(
        f"version: 1\nname: T\nopenapi: openapi.json\n{head}tools:\n{tools}"
    )
    return folder / "tools.yaml"


def a_gateway(folder: Path, **changes: Any) -> Any:
    """Open a gateway with these tools and their credential."""
    path = manifest(folder)
    return a_world(folder, **{"manifest": path, "upstream_credentials": USUAL, **changes})


def sent(world: World) -> str:
    """Return the last request as one text."""
    request = world.api.requests[-1]
    return f"{request.url}\n{request.headers}\n{request.body.decode()}"


@pytest.mark.parametrize("tool", OPERATIONS)
async def test_a_model_neither_sees_nor_sets_what_the_gateway_fills(
    tmp_path: Path, tool: str
) -> None:
    async with a_gateway(tmp_path) as world:
        world.api.answer = lambda request: HttpResponse(
            200, "application/json", json.dumps({"seen": sent(world)}).encode()
        )
        listed = (await world.new("tools/list")).json()["result"]["tools"]
        (shown,) = [each["inputSchema"] for each in listed if each["name"] == tool]
        result = await world.call("new", tool, {"text": "hi"})
        assert WRITTEN[tool] in sent(world)
        assert "debug" not in sent(world)
        for argument in ("key", "format", "debug"):
            refused = await world.call("new", tool, {"text": "hi", argument: "json"})
            assert refused["isError"] is True
    assert shown["properties"].keys() == {"text"}
    assert result["isError"] is False
    assert "0123456789" not in json.dumps(result)
    assert len(world.api.requests) == 1


async def test_the_secret_of_the_callers_tenant_fills_the_argument_a123(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_org_acme", "of-acme")
    credentials = {"theirKey": {"mode": "per_tenant", "variable": "KEY_{tenant_id}"}}
    async with a_gateway(tmp_path, upstream_credentials=credentials) as world:
        await world.call("new", "json")
        other = await world.call("new", "json", token=world.token(tenant_id="org_globex"))
    assert [json.loads(request.body)["key"] for request in world.api.requests] == ["of-acme"]
    assert "has not set up its access" in other["content"][0]["text"]


async def test_a_token_that_the_api_refuses_is_replaced_in_the_argument_too(tmp_path: Path) -> None:
    issued = iter(("first", "second"))

    def answer(request: HttpRequest) -> HttpResponse:
        if request.url == TOKEN_URL:
            token = {"access_token": next(issued), "token_type": "Bearer", "expires_in": 600}
            return HttpResponse(200, "application/json", json.dumps(token).encode())
        fresh = b"second" in request.body
        return HttpResponse(200 if fresh else 401, "application/json", b"{}")

    credentials = {
        "theirKey": {
            "mode": "client_credentials",
            "token_url": TOKEN_URL,
            "client_id": "gateway",
            "client_secret": "s",
        }
    }
    async with a_gateway(tmp_path, upstream_credentials=credentials) as world:
        world.api.answer = lambda request: HttpResponse(200, "application/json", b"{}")
        world.api.answer = answer
        world.clock.advance(seconds=60)
        assert (await world.call("new", "form"))["isError"] is True
        world.clock.advance(seconds=60)
        assert (await world.call("new", "form"))["isError"] is False
    assert world.api.requests[-1].body == b"key=second&format=json"


async def test_a_credential_that_a_tool_needs_and_nobody_configured_stops_the_start(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingsError, match=r"upstream_credentials\.theirKey: missing.*fill\.key"):
        async with a_gateway(tmp_path, upstream_credentials={}):
            pass


async def test_a_credential_of_an_argument_goes_to_no_other_host_unless_it_is_listed_a121(
    tmp_path: Path,
) -> None:
    path = manifest(tmp_path, head="hosts: [files.example]\n")
    document = json.loads((tmp_path / "openapi.json").read_text())
    document["paths"]["/j"]["servers"] = [{"url": "https://files.example"}]
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    with pytest.raises(SettingsError, match=r"theirKey\.hosts: add files\.example"):
        async with a_world(tmp_path, manifest=path, upstream_credentials=USUAL):
            pass
    listed = {"theirKey": {**USUAL["theirKey"], "hosts": ["files.example"]}}
    async with a_world(tmp_path, manifest=path, upstream_credentials=listed) as world:
        await world.call("new", "json")
        assert world.api.requests[-1].url.startswith("https://files.example/")


async def test_an_argument_of_the_model_stands_in_for_no_filled_one(tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(
        json.dumps(
            {
                "openapi": "3.1.0",
                "paths": {
                    "/q": {
                        "get": {
                            "operationId": "search",
                            "parameters": [
                                {"name": "mode", "in": "query", "schema": TEXT},
                                {
                                    "name": "filter",
                                    "in": "query",
                                    "schema": {"type": "object", "additionalProperties": TEXT},
                                },
                            ],
                        }
                    }
                },
            }
        )
    )
    (tmp_path / "tools.yaml").write_text(
        "version: 1\nname: T\nopenapi: openapi.json\ntools:\n"
        "  search: {operation: search, fill: {mode: {value: safe}}}\n"
    )
    async with a_world(tmp_path, manifest=tmp_path / "tools.yaml") as world:
        for name in ("mode", " mode", "Mo.de"):
            refused = await world.call("new", "search", {"filter": {name: "unsafe"}})
            assert re.search("separate argument", refused["content"][0]["text"])
    assert world.api.requests == []


async def test_a_page_size_does_not_take_the_name_of_a_filled_argument(tmp_path: Path) -> None:
    names = {"page": "integer", "per_page": "integer", "limit": "string"}
    listed = [{"name": n, "in": "query", "schema": {"type": t}} for n, t in names.items()]
    document = {"/q": {"get": {"operationId": "search", "parameters": listed}}}
    (tmp_path / "openapi.json").write_text(json.dumps({"openapi": "3.1.0", "paths": document}))
    (tmp_path / "tools.yaml").write_text(
        "version: 1\nname: T\nopenapi: openapi.json\ntools:\n"
        "  search: {operation: search, fill: {limit: {value: strict}}}\n"
    )
    async with a_world(tmp_path, manifest=tmp_path / "tools.yaml") as world:
        await world.call("new", "search", {"per_page": 5})
    assert world.api.requests[-1].url.endswith("/q?per_page=5&limit=strict")
