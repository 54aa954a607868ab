"""Choosing the operations to import, and the report about the others."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from gatepost.document import read_document
from mcp_gateway.importing.command import import_
from mcp_gateway.manifest.schema import SCHEMA

API: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orbit"},
    "paths": {
        "/tasks": {
            "get": {"operationId": "listTasks", "tags": ["Tasks"]},
            "post": {"operationId": "createTask", "tags": ["Tasks"]},
        },
        "/tasks/{id}": {
            "parameters": [{"name": "id", "in": "path", "schema": {"type": "string"}}],
            "get": {"operationId": "getTask", "tags": ["Tasks"]},
        },
        "/people": {"get": {"operationId": "listPeople", "tags": ["People"]}},
        "/secret": {"get": {"operationId": "getSecret", "x-mcp": {"enabled": False}}},
        "/said": {"get": {"operationId": "getSaid", "x-mcp": {"description": "For models."}}},
        "/soap": {"post": {"requestBody": {"content": {"application/soap+xml": {}}}}},
    },
}


@pytest.fixture
def run(tmp_path: Path) -> Any:
    (tmp_path / "api.json").write_text(json.dumps(API))

    def run_import(*options: str, typed: str | None = None) -> Result:
        arguments = ["openapi", str(tmp_path / "api.json"), "--out", str(tmp_path / "out")]
        return CliRunner().invoke(import_, [*arguments, *options], input=typed)

    return run_import


def tools(folder: Path) -> dict[str, bool]:
    """Name the manifest's tools, with whether each is exposed."""
    entries = read_document(folder / "out" / "tools.yaml")["tools"]
    return {name: entry.get("expose", True) for name, entry in entries.items()}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--tag", "people"], {"list_people"}),
        (["--tag", "People", "--tag", "Tasks", "--method", "post"], {"create_task"}),
        (["--path", "/tasks"], {"list_tasks", "create_task"}),
        (["--path", "/tasks*", "--method", "GET"], {"list_tasks", "get_task"}),
        (["--match", "^list_"], {"list_tasks", "list_people"}),
        (["--match", "getTask", "--match", "^GET /people$"], {"get_task", "list_people"}),
    ],
)
def test_only_selected_operations_are_named(
    run: Any, tmp_path: Path, options: list[str], names: set[str]
) -> None:
    result = run(*options)
    assert result.exit_code == 0, result.output
    assert tools(tmp_path).keys() == names
    assert f"{7 - len(names):5} not selected" in result.output


def test_a_description_that_names_an_operation_names_its_tool(run: Any, tmp_path: Path) -> None:
    described = {"operationId": "listTasks", "description": "Use `getTask` for one, not `GET`."}
    api = {**API, "paths": {**API["paths"], "/tasks": {"get": described}}}
    (tmp_path / "api.json").write_text(json.dumps(api))
    assert run("--match", "^list_tasks").exit_code == 0
    entries = read_document(tmp_path / "out" / "tools.yaml")["tools"]
    assert entries["list_tasks"]["description"] == "Use `get_task` for one, not `GET`."


def test_a_person_chooses_by_number_tag_and_word_and_is_asked_again_when_mistaken(
    run: Any, tmp_path: Path
) -> None:
    result = run("--choose", typed="9\nsome\n2-3,@people\n")
    assert result.exit_code == 0, result.output
    assert "9 is not within 1 to 6" in result.output
    assert "'some' is not a number" in result.output
    exposed = {name for name, exposed in tools(tmp_path).items() if exposed}
    assert exposed == {"create_task", "get_task", "list_people"}


def test_r22_operations_hidden_by_the_document_stay_unexposed_even_when_chosen(
    run: Any, tmp_path: Path
) -> None:
    assert run("--choose", typed="all\n").exit_code == 0
    assert tools(tmp_path)["get_secret"] is False
    result = run("--all", "--force")
    assert "get_secret: the document keeps it from models (x-mcp)" in result.output
    assert tools(tmp_path)["get_secret"] is False


def test_the_documents_text_for_models_describes_the_tool(run: Any, tmp_path: Path) -> None:
    run()
    entries = read_document(tmp_path / "out" / "tools.yaml")["tools"]
    assert entries["get_said"]["description"] == "For models."


def test_r23_the_coverage_report_counts_every_operation_once_and_gives_reasons(run: Any) -> None:
    output = run().output
    assert "Orbit: 7 operations" in output
    assert "    4 exposed" in output
    assert "    2 not exposed" in output
    assert "    1 refused" in output
    assert "POST /soap: its request body is application/soap+xml" in output
    assert "To decide:" in output


def test_an_import_that_leaves_nothing_to_serve_ends_with_three(run: Any) -> None:
    assert run("--match", "nothing is called that").exit_code == 3


def test_a_wrong_pattern_is_explained(run: Any) -> None:
    result = run("--match", "(")
    assert result.exit_code == 2
    assert "--match" in result.output


def test_editors_get_the_schema_beside_the_manifest(run: Any, tmp_path: Path) -> None:
    run()
    text = (tmp_path / "out" / "tools.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=tools.schema.json\n")
    schema = json.loads((tmp_path / "out" / "tools.schema.json").read_text())
    assert schema == SCHEMA
    jsonschema_rs.meta.validate(schema)
    jsonschema_rs.validate(schema, read_document(tmp_path / "out" / "tools.yaml"))


def test_r16_a_tool_has_the_same_name_however_it_is_selected(run: Any, tmp_path: Path) -> None:
    run("--all")
    every = tools(tmp_path).keys()
    for option in (["--tag", "Tasks"], ["--method", "GET"], ["--match", "people"]):
        run(*option, "--force")
        assert tools(tmp_path).keys() <= every
