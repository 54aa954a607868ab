"""The `app` of a tool: what its view shows and calls, and the errors of one that can't be shown."""

import json
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.catalogue.apps import App, name_label
from mcp_gateway.catalogue.lock import lock_tool
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.review.diff import compare_tools
from support.in_process.apps import MANIFEST, load_manifest

ORG = "    bind: {org_id: tenant_id}\n"
HEAD = "version: 1\nname: Orbit\nopenapi: openapi.json\ntools:\n"
TEXT = {"type": "string"}


def app_of(folder: Path, app: str, operation: str = "listTasks", more: str = "") -> App:
    """Load a manifest with one tool that has an app."""
    tool = f"  tool:\n    operation: {operation}\n{ORG}    app: {app}\n"
    found = load_manifest(folder, HEAD + tool + more).tools["tool"].app
    assert found is not None
    return found


def problem_of(folder: Path, app: str, operation: str = "listTasks", more: str = "") -> str:
    """Return the first problem of a manifest with one tool that has an app."""
    with pytest.raises(ManifestError) as problem:
        app_of(folder, app, operation, more)
    return str(problem.value).partition("tools.yaml: ")[2].splitlines()[0]


def app_for(folder: Path, answer: Any, app: str, **operation: Any) -> App:
    """Load a manifest with the app of a tool whose answer has this schema."""
    content = {"application/json": {"schema": answer}} if answer else {}
    responses = {"200": {"description": "OK", "content": content}}
    get = {"operationId": "get", "responses": responses, **operation}
    document = {"openapi": "3.1.0", "paths": {"/things": {"get": get}}}
    (folder / "api.json").write_text(json.dumps(document))
    manifest = folder / "one.yaml"
    text = (
        f"version: 1\nname: N\nopenapi: api.json\ntools: {{tool: {{operation: get, app: {app}}}}}"
    )
    manifest.write_text(text)
    found = load_catalogue(manifest).tools["tool"].app
    assert found is not None
    return found


def test_a_table_shows_the_names_first_then_choices_and_dates_and_no_ids(tmp_path: Path) -> None:
    app = app_of(tmp_path, "table")
    assert app.at == ("items",)
    assert [field.label for field in app.fields] == [
        *("Title", "Status", "Priority", "Due on", "Team", "Assignee")
    ]
    assert [field.kind for field in app.fields] == ["", "choice", "choice", "date", "", ""]


def test_a_card_shows_every_field_of_the_record(tmp_path: Path) -> None:
    app = app_of(tmp_path, "card", "getTask")
    assert len(app.fields) == 15
    assert app.title == "Get task"


def test_given_columns_are_shown_in_their_order(tmp_path: Path) -> None:
    app = app_of(tmp_path, '{view: table, title: Work, fields: [due_on, title, "labels[]"]}')
    assert [field.path for field in app.fields] == [("due_on",), ("title",), ("labels", "[]")]
    assert app.title == "Work"


def test_the_tools_of_rows_and_forms_get_their_arguments_from_the_record(tmp_path: Path) -> None:
    tools = load_manifest(tmp_path).tools
    table, card, form = (tools[name].app for name in ("list_tasks", "get_task", "create_task"))
    assert table is not None
    assert table.row is not None
    assert table.row.arguments == (("task_id", ("record", "id")),)
    assert card is not None
    assert card.submit is not None
    assert card.submit.arguments == (("task_id", ("input", "task_id")),)
    assert form is not None
    assert form.submit is not None
    assert form.submit.tool == "create_task"


def test_a_row_is_not_opened_by_a_field_that_the_shape_removes(tmp_path: Path) -> None:
    more = f'    shape: {{fields: ["items[].title"]}}\n  card:\n    operation: getTask\n{ORG}    app: card\n'
    problem = problem_of(tmp_path, "{view: table, row: card, fields: [title]}", more=more)
    assert problem.startswith("tools.tool.app.row: card needs task_id")


def test_a_label_made_from_a_name_holds_no_hidden_characters() -> None:
    assert name_label("due\u202e_on\u200b") == "Due on"


def test_a_list_that_is_the_answer_itself_is_found(tmp_path: Path) -> None:
    item = {"type": "object", "properties": {"name": TEXT}}
    app = app_for(tmp_path, {"type": "array", "items": item}, "table")
    assert app.at == ("result",)


def test_a_list_inside_of_an_object_and_parts_of_a_schema_are_found(tmp_path: Path) -> None:
    part = {"properties": {"createdAt": {"type": ["string", "null"], "format": "date-time"}}}
    item = {"allOf": [part, {"type": "object", "properties": {"ok": {"type": "boolean"}}}]}
    data = {"type": "object", "properties": {"rows": {"type": "array", "items": item}}}
    answer = {"type": "object", "properties": {"data": {"anyOf": [data, {"type": "null"}]}}}
    app = app_for(tmp_path, answer, "table")
    assert app.at == ("data", "rows")
    assert [(field.label, field.kind) for field in app.fields] == [
        ("Ok", "flag"),
        ("Created at", "time"),
    ]


def test_columns_that_the_shape_removes_are_not_chosen_and_not_taken(tmp_path: Path) -> None:
    shape = '    shape: {fields: ["items[].title", "items[].due_on"]}\n'
    app = app_of(tmp_path, "table", more=shape)
    assert [field.path for field in app.fields] == [("title",), ("due_on",)]
    said = problem_of(tmp_path, "{view: table, fields: [team]}", more=shape)
    assert said == "tools.tool.app.fields: `shape.fields` removes team; add it there"


def test_an_answer_that_the_document_does_not_describe_needs_its_path_and_fields(
    tmp_path: Path,
) -> None:
    app = app_for(tmp_path, None, "{view: table, at: data.rows, fields: [name, owner.email]}")
    assert app.at == ("data", "rows")
    assert [field.label for field in app.fields] == ["Name", "Email"]
    for view, said in (("table", ".at: the document doesn't describe a list"), ("card", ".fields")):
        with pytest.raises(ManifestError, match=f"tools.tool.app{said}"):
            app_for(tmp_path, None, view)


def test_several_lists_must_be_told_apart(tmp_path: Path) -> None:
    lists = {
        name: {"type": "array", "items": {"type": "object", "properties": {"x": TEXT}}}
        for name in ("open", "closed")
    }
    answer = {"type": "object", "properties": lists}
    with pytest.raises(ManifestError, match="several lists; name one of open, closed"):
        app_for(tmp_path, answer, "table")
    assert app_for(tmp_path, answer, "{view: table, at: closed}").at == ("closed",)


@pytest.mark.parametrize(
    ("app", "operation", "said"),
    [
        ("chart", "listTasks", "app: must be table, card or form, or a mapping with `view`"),
        ("[table]", "listTasks", "app: must be table, card or form, or a mapping with `view`"),
        ("{title: X}", "listTasks", "app.view: missing"),
        ("{view: table, colums: [a]}", "listTasks", "app.colums: unknown key; known keys: view"),
        (
            "{view: table, fields: [titel]}",
            "listTasks",
            "app.fields: the answer doesn't have titel; did you mean title?",
        ),
        ("{view: table, row: nothing}", "listTasks", "app.row: there is no exposed tool nothing"),
        (
            "{view: table, row: plain}",
            "listTasks",
            "app.row: plain has no card; give it `app: card`",
        ),
        ("{view: card, row: plain}", "getTask", "app.row: only a table has it; remove it"),
        ("{view: form, at: x}", "createTask", "app.at: only a table or a card has it; remove it"),
        (
            "{view: table, submit: plian}",
            "listTasks",
            "app.submit: there is no exposed tool plian; did you mean plain?",
        ),
        (
            "{view: table, row: member}",
            "listMembers",
            "app.row: member needs project_id, which is neither",
        ),
    ],
)
def test_an_app_that_can_not_be_shown_is_refused_with_the_fix(
    tmp_path: Path, app: str, operation: str, said: str
) -> None:
    more = f"  plain:\n    operation: createTask\n{ORG}"
    member = f"  member:\n    operation: getProject\n{ORG}    app: card\n"
    assert problem_of(tmp_path, app, operation, more + member).startswith(f"tools.tool.{said}")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("due_on", "Due on"),
        ("id", "ID"),
        ("projectId", "Project ID"),
        ("html_url", "Html URL"),
        ("X-Trace", "X trace"),
        ("_", "_"),
    ],
)
def test_a_label_is_made_from_a_name(name: str, label: str) -> None:
    assert name_label(name) == label


def test_an_app_changes_nothing_of_other_tools(tmp_path: Path) -> None:
    with_apps = load_manifest(tmp_path).tools
    plain = "\n".join(line for line in MANIFEST.splitlines() if " app:" not in line)
    without = load_manifest(tmp_path, plain).tools
    assert with_apps["update_task"].compiled_shape == without["update_task"].compiled_shape


def test_a_changed_app_is_a_change_that_a_review_names(tmp_path: Path) -> None:
    former = load_manifest(tmp_path, MANIFEST.replace(", row: get_task", "")).tools["list_tasks"]
    present = load_manifest(tmp_path).tools["list_tasks"]
    [change] = compare_tools("list_tasks", lock_tool(former), lock_tool(present))
    assert (change.kind, change.message) == ("wording", "how hosts show the answer changed")
    assert lock_tool(present)["app"] == "table, rows by get_task, form of create_task"
