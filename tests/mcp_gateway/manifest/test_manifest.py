"""Loading a `tools.yaml`, and the errors of a wrong one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatepost.catalogue import CatalogueDocument
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue

TEXT = {"type": "string"}
ORG = {"name": "org_id", "in": "path", "required": True, "schema": TEXT}
BODY = {
    "type": "object",
    "properties": {"title": TEXT, "owner": TEXT, "seats": {"type": "integer"}},
}
API = {
    "openapi": "3.1.0",
    "paths": {
        "/orgs/{org_id}/tasks": {
            "parameters": [ORG],
            "get": {"operationId": "listTasks", "summary": "List the tasks"},
            "post": {
                "operationId": "createTask",
                "requestBody": {"content": {"application/json": {"schema": BODY}}},
            },
            "put": {"operationId": "replaceTasks"},
            "delete": {"operationId": "deleteTasks"},
        },
        "/xml": {
            "post": {
                "operationId": "sendXml",
                "requestBody": {"content": {"application/xml": {"schema": TEXT}}},
            }
        },
    },
}
HEAD = "version: 1\nname: Orbit\nopenapi: openapi.json\n"
Load = Callable[[str], Catalogue]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a manifest's `tools` beside the document above."""

    def load_text(tools: str, head: str = HEAD) -> Catalogue:
        (tmp_path / "openapi.json").write_text(json.dumps(API))
        (tmp_path / "tools.yaml").write_text(f"{head}tools:\n{tools}")
        return load_catalogue(tmp_path / "tools.yaml")

    return load_text


def test_only_named_and_exposed_tools_are_served_sorted_by_name(load: Load) -> None:
    catalogue = load(
        """
        zebra: {operation: listTasks}
        create_task: {operation: "POST /orgs/{org_id}/tasks"}
        hidden: {operation: deleteTasks, expose: false}
        """
    )
    assert list(catalogue.tools) == ["create_task", "zebra"]
    assert catalogue.name == "Orbit"


def test_defaults_follow_the_method(load: Load) -> None:
    tools = load(
        """
        get: {operation: listTasks}
        post: {operation: createTask}
        put: {operation: replaceTasks}
        delete: {operation: deleteTasks}
        """
    ).tools
    seen = {
        name: (t.scope, t.toolsets, t.read_only, t.destructive, t.idempotent)
        for name, t in tools.items()
    }
    assert seen == {
        "get": ("mcp:read", ("read",), True, False, True),
        "post": ("mcp:write", ("write",), False, False, False),
        "put": ("mcp:write", ("write",), False, False, True),
        "delete": ("mcp:write", ("write",), False, True, True),
    }
    assert (tools["get"].title, tools["get"].description) == ("List the tasks", "List the tasks")
    assert tools["post"].title == "Post"
    assert tools["get"].deadline == 30


def test_the_manifest_overrides_what_the_document_and_the_method_suggest(load: Load) -> None:
    tool = load(
        """
        query:
          operation: createTask
          title: Query tasks
          description: Ask for tasks.
          read_only: true
          idempotent: true
          toolsets: [tasks]
          deadline: 2.5
        """
    ).tools["query"]
    assert (tool.title, tool.description) == ("Query tasks", "Ask for tasks.")
    assert (tool.scope, tool.toolsets) == ("mcp:read", ("tasks", "read"))
    assert (tool.read_only, tool.idempotent, tool.deadline) == (True, True, 2.5)


def test_a_bound_argument_vanishes_from_the_schema_and_cannot_be_supplied(load: Load) -> None:
    tool = load("  t: {operation: createTask, bind: {org_id: tenant_id, owner: sub}}").tools["t"]
    assert list(tool.input_schema["properties"]) == ["title", "seats"]
    assert "required" not in tool.input_schema
    assert tool.bindings == {"org_id": "tenant_id", "owner": "sub"}
    assert tool.operation.arguments == {"org_id", "owner", "title", "seats"}
    assert [p.argument for p in tool.validate({"org_id": "org_other"})] == ["org_id"]
    assert tool.validate({"title": "x"}) == ()


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ("  t: {operation: listTask}", r"tools\.t\.operation: .* did you mean listTasks"),
        ("  t: {operation: sendXml}", r"tools\.t\.operation: .* application/xml"),
        ("  t: {}", r"tools\.t: must have either `operation` or `graphql`"),
        ("  t: listTasks", r"tools\.t: must be a mapping"),
        ("  bad name: {operation: listTasks}", "1 to 64 letters"),
        ("  t: {operation: listTasks, scop: mcp:read}", r"tools\.t\.scop: .* did you mean scope"),
        ("  t: {operation: listTasks, scope: mcp:all}", r"tools\.t\.scope: must be mcp:read"),
        ("  t: {operation: createTask, scope: mcp:read}", r"tools\.t\.scope: mcp:read is for"),
        ("  t: {operation: createTask, toolsets: [read]}", "'read' is for tools that only read"),
        ("  t: {operation: listTasks, toolsets: [write]}", "'write' is for tools that change"),
        ("  t: {operation: listTasks, toolsets: ['@x']}", "written without @"),
        ("  t: {operation: listTasks, bind: {org: tenant_id}}", r"bind\.org: .* mean org_id"),
        ("  t: {operation: listTasks, bind: {org_id: tenant}}", "'tenant' is not a claim"),
        ("  t: {operation: listTasks, bind: {org_id: data_scope.Team}}", "is not a claim"),
        ("  t: {operation: listTasks, bind: [org_id]}", "must be a mapping of argument to claim"),
        ("  t: {operation: createTask, bind: {seats: sub}}", "the claim sub is text"),
        ("  t: {operation: listTasks, deadline: 0}", "number of seconds above 0"),
        ("  t: {operation: listTasks, expose: maybe}", "must be true or false"),
        ("  t: {operation: listTasks, title: ''}", "text that is not empty"),
        ("  t: {operation: listTasks}\n  t: {operation: createTask}", "has the key 't' twice"),
    ],
)
def test_a_wrong_entry_is_named_by_file_tool_and_key_with_the_fix(
    load: Load, tools: str, message: str
) -> None:
    with pytest.raises(ManifestError, match=message) as refused:
        load(tools)
    assert "tools.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("name: O\nopenapi: openapi.json\n", "version: missing"),
        ("version: 2\nname: O\nopenapi: openapi.json\n", "version: must be 1"),
        ("version: 1\nopenapi: openapi.json\n", "name: missing"),
        ("version: 1\nname: O\nopenapi: gone.json\n", "openapi: .*gone.json can't be read"),
        ("version: 1\nname: O\nopenapi: tools.yaml\n", "is not an OpenAPI document"),
        (f"{HEAD}upstream: x\n", "upstream: unknown key"),
    ],
)
def test_a_wrong_head_is_named_too(load: Any, head: str, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        load("  t: {operation: listTasks}", head)


def test_every_problem_is_told_at_once(load: Load) -> None:
    with pytest.raises(ManifestError) as refused:
        load("  a: {operation: x}\n  b: {operation: y}")
    assert str(refused.value).count("tools.yaml: tools.") == 2


def test_a_missing_manifest_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="can't be read: No such file"):
        load_catalogue(tmp_path / "tools.yaml")


def test_the_hash_is_stable_and_changes_with_everything_seen_or_sent(load: Load) -> None:
    entry = "  t: {{operation: listTasks, title: {}, bind: {{{}}}}}"
    one = load(entry.format("A", ""))
    assert one.hash == load(f"  # a comment\n{entry.format('A', '')}").hash
    others = {load(entry.format("B", "")).hash, load(entry.format("A", "org_id: sub")).hash}
    assert len({one.hash, *others}) == 3


def test_the_catalogue_document_describes_tools_to_people(load: Load) -> None:
    catalogue = load("  t: {operation: deleteTasks}")
    document = catalogue.document("https://mcp.example.com/mcp")
    assert isinstance(document, CatalogueDocument)
    assert (document.resource, document.hash) == ("https://mcp.example.com/mcp", catalogue.hash)
    (tool,) = document.tools
    assert (tool.name, tool.destructive, tool.toolsets) == ("t", True, ("write",))
    assert not tool.confirms


def test_the_consent_page_learns_which_tools_ask_each_time(load: Load) -> None:
    catalogue = load("  t: {operation: deleteTasks, confirm: true}")
    (tool,) = catalogue.document("https://mcp.example.com/mcp").tools
    assert tool.confirms
