"""Importing again keeps a person's decisions and reports the changes."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gatepost.document import read_document
from mcp_gateway.importing.command import import_
from mcp_gateway.manifest.load import load_catalogue

TEXT = {"type": "string"}
ORG = {"name": "org_id", "in": "query", "schema": TEXT}


def operation(name: str, words: str, **more: Any) -> dict[str, Any]:
    return {"operationId": name, "summary": name, "description": words, **more}


API: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orbit"},
    "paths": {
        "/tasks": {
            "get": operation("listTasks", "List the tasks.", parameters=[ORG]),
            "post": operation("createTask", "Create a task."),
        },
        "/tasks/all": {"delete": operation("deleteTasks", "Delete every task.")},
        "/old": {"get": operation("getOld", "An old thing.")},
        "/left-out": {"get": operation("getLeftOut", "Nobody wants it.")},
    },
}


class Folder:
    """A manifest's folder and the API's own document, which changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.api = copy.deepcopy(API)
        self.manifest = path / "out" / "tools.yaml"

    def run(self, *options: str, typed: str | None = None) -> Result:
        (self.path / "api.json").write_text(json.dumps(self.api))
        arguments = ["openapi", str(self.path / "api.json"), "--out", str(self.path / "out")]
        return CliRunner().invoke(import_, [*arguments, *options], input=typed)

    def edit(self, old: str, new: str) -> None:
        text = self.manifest.read_text()
        assert old in text
        self.manifest.write_text(text.replace(old, new, 1))

    @property
    def tools(self) -> dict[str, Any]:
        tools: dict[str, Any] = read_document(self.manifest)["tools"]
        return tools


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A first import, reviewed: one tool renamed and described, one left out."""
    made = Folder(tmp_path)
    assert made.run("--all").exit_code == 0
    made.edit("  list_tasks:\n", "  # Ours is called otherwise.\n  find_tasks:  # yes\n")
    made.edit("description: List the tasks.", "description: 'Find tasks, by hand.'")
    text = made.manifest.read_text()
    made.manifest.write_text(text[: text.index("\n  get_left_out:")] + "\n# the end\n")
    return made


def test_an_import_that_brings_nothing_new_changes_nothing(folder: Folder) -> None:
    before = folder.manifest.read_text()
    result = folder.run()
    assert result.exit_code == 0, result.output
    assert "already matches the document" in result.output
    assert folder.manifest.read_text() == before


def test_hand_edits_and_comments_survive_any_new_document(folder: Folder) -> None:
    before = folder.manifest.read_text()
    folder.api["paths"]["/tasks"]["get"]["description"] = "List tasks, newly described."
    folder.api["paths"]["/tasks"]["post"]["description"] = "Create one task."
    output = folder.run().output
    assert "find_tasks.description" in output.split("Your texts kept")[1]
    wanted = before.replace("description: Create a task.", "description: Create one task.")
    assert folder.manifest.read_text() == wanted


def test_a_new_operation_is_added_and_not_exposed_until_a_person_says_so(folder: Folder) -> None:
    folder.api["paths"]["/new"] = {"get": operation("getNew", "A new thing.")}
    output = folder.run().output
    assert "get_new: GET /new, not exposed" in output
    assert folder.tools["get_new"]["expose"] is False
    assert "get_new" not in load_catalogue(folder.manifest).tools
    assert folder.manifest.read_text().endswith("\n# the end\n")


def test_a_new_operation_is_exposed_where_that_is_asked_for(folder: Folder) -> None:
    folder.api["paths"]["/new"] = {"get": operation("getNew", "A new thing.")}
    folder.run("--all")
    assert "get_new" in load_catalogue(folder.manifest).tools


def test_a_person_can_expose_tools_that_were_not_exposed(folder: Folder) -> None:
    folder.edit("    scope: mcp:write\n", "    scope: mcp:write\n    expose: false  # not yet\n")
    kept = [name for name, tool in folder.tools.items() if tool.get("expose") is False]
    assert kept == ["create_task"]
    folder.run("--choose", typed="none\n")
    assert folder.tools["create_task"]["expose"] is False
    output = folder.run("--choose", typed="all\n").output
    assert "create_task: POST /tasks" in output.split("Exposed by your choice")[1]
    assert folder.tools["create_task"]["expose"] is True
    assert "    expose: true  # not yet\n" in folder.manifest.read_text()


def test_the_report_of_a_later_import_says_what_agents_get_from_the_reviewed_manifest(
    folder: Folder,
) -> None:
    folder.run("--bind", "org_id=tenant_id")
    folder.edit("name: Orbit", "name: Our Orbit")
    folder.edit("    scope: mcp:write\n", "    scope: mcp:write\n    expose: false\n")
    folder.edit("tools:\n", "tools:\n  list_tasks:\n    operation: listTasks\n    title: All\n")
    folder.api["paths"]["/todo"] = folder.api["paths"].pop("/tasks")
    said = folder.run().output
    assert "      4 exposed: 1 delete, 1 get, 1 list, 1 find\n" in said
    assert said.startswith("Our Orbit: ")
    assert "1 not exposed until you remove their `expose: false` (1 change data)" in said
    assert "1 not selected" in said
    assert "the token fills it in 1 of 4 tools" in said
    assert "org_id in 1 tool looks like the tenant" in said


def test_a_removed_tool_is_only_added_again_when_selected(folder: Folder) -> None:
    folder.run("--all")
    assert "get_left_out" not in folder.tools
    folder.run("--match", "^GET /left-out$", "--all")
    assert "get_left_out" in folder.tools


def test_an_operation_that_is_gone_is_kept_unexposed_and_the_rest_is_served(
    folder: Folder,
) -> None:
    del folder.api["paths"]["/old"]
    output = folder.run().output
    assert "get_old: GET /old" in output.split("Removed from the document")[1]
    assert folder.tools["get_old"]["expose"] is False
    assert "# the document does not have this operation" in folder.manifest.read_text()
    assert "find_tasks" in load_catalogue(folder.manifest).tools


def test_an_operation_that_moved_keeps_its_tool(folder: Folder) -> None:
    folder.api["paths"]["/todo"] = folder.api["paths"].pop("/tasks")
    output = folder.run().output
    assert "find_tasks: GET /tasks is GET /todo now" in output
    assert load_catalogue(folder.manifest).tools["find_tasks"].operation.path == "/todo"
    assert folder.tools["find_tasks"]["description"] == "Find tasks, by hand."
    assert len(folder.tools) == 4


def test_a_change_for_callers_is_named_by_tool_and_kind(folder: Folder) -> None:
    folder.api["paths"]["/tasks"]["get"]["parameters"][0]["required"] = True
    assert "find_tasks: breaking: org_id is required now" in folder.run().output


def test_a_binding_the_new_document_has_no_argument_for_is_told(folder: Folder) -> None:
    assert folder.run("--bind", "org_id=tenant_id").exit_code == 0
    assert folder.tools["find_tasks"]["bind"] == {"org_id": "tenant_id"}
    del folder.api["paths"]["/tasks"]["get"]["parameters"]
    result = folder.run()
    assert result.exit_code == 1
    for heading in ("Fix these, or the gateway will not start:", "the gateway can't load this"):
        _, _, told = result.output.partition(heading)
        assert "tools.find_tasks.bind.org_id: the operation does not have this argument" in told
    assert folder.tools["find_tasks"]["bind"] == {"org_id": "tenant_id"}


def test_a_name_that_is_taken_by_hand_is_given_to_nothing_else(folder: Folder) -> None:
    folder.api["paths"]["/found"] = {"get": operation("findTasks", "Another thing.")}
    folder.run()
    names = [name for name, tool in folder.tools.items() if tool["operation"] == "GET /found"]
    assert names == ["get_found"]
    assert folder.tools["find_tasks"]["operation"] == "GET /tasks"


def test_a_check_fails_on_drift_and_writes_nothing(folder: Folder) -> None:
    assert folder.run().exit_code == 0
    assert folder.run("--check").exit_code == 0
    folder.api["paths"]["/new"] = {"get": operation("getNew", "A new thing.")}
    before = {path: path.read_bytes() for path in folder.manifest.parent.iterdir()}
    result = folder.run("--check")
    assert result.exit_code == 1
    assert "would change" in result.output
    assert {path: path.read_bytes() for path in folder.manifest.parent.iterdir()} == before


def test_a_document_edited_in_place_adds_tools_missing_from_the_manifest(
    tmp_path: Path,
) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(API))
    arguments = ["openapi", str(document), "--out", str(tmp_path)]
    assert CliRunner().invoke(import_, arguments).exit_code == 0
    replace_field = copy.deepcopy(API)
    replace_field["paths"]["/new"] = {"get": operation("getNew", "A new thing.")}
    document.write_text(json.dumps(replace_field))
    result = CliRunner().invoke(import_, arguments)
    assert result.exit_code == 0, result.output
    assert "get_new" in read_document(tmp_path / "tools.yaml")["tools"]


def test_a_manifest_that_cannot_be_edited_in_place_is_not_changed(folder: Folder) -> None:
    folder.edit("description: Create a task.", "description: &words Create a task.")
    folder.edit("description: Delete every task.", "description: *words")
    before = folder.manifest.read_text()
    folder.api["paths"]["/tasks"]["post"]["description"] = "Create one task."
    result = folder.run()
    assert result.exit_code == 1
    assert "can't be changed in place" in result.output
    assert folder.manifest.read_text() == before


def test_a_composite_tool_stays_as_it_is_when_the_document_changes(folder: Folder) -> None:
    composite = (
        "  sort_tasks:\n    description: Find tasks, then add one.\n    calls:\n"
        "      - {as: found, tool: find_tasks}\n      - {as: made, tool: create_task}\n"
    )
    folder.edit("\n# the end\n", f"\n{composite}# the end\n")
    folder.api["paths"]["/tasks"]["post"]["description"] = "Create one task."

    output = folder.run().output

    assert composite in folder.manifest.read_text()
    assert "sort_tasks" not in output
    assert load_catalogue(folder.manifest).tools["sort_tasks"].destructive is False
