"""`gatepost tools lint`: each rule names the tool, the problem and the fix."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from mcp_gateway.cli import tools as tools_command
from mcp_gateway.review.lint import RULES

TEXT = {"type": "string"}


def deep(levels: int) -> dict[str, Any]:
    """Nest objects."""
    inner = deep(levels - 1) if levels else TEXT
    return {"type": "object", "properties": {"a": inner}, "description": "Deep."}


def test_r23_tools_that_are_easy_to_use_pass(review: Any) -> None:
    result = review.run("lint")
    assert result.output == "3 tools, 0 errors, 0 warnings\n"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("tools", "line"),
    [
        ("  tasks: {operation: listTasks}", "warning: tasks: verb_noun: the name is not two"),
        ("  task_list: {operation: listTasks}", "warning: task_list: verb_noun: .* 'task'"),
        ("  listTasks: {operation: listTasks}", "warning: listTasks: verb_noun"),
        (
            "  get_tasks: {operation: listTasks, description: Get tasks.}",
            "warning: get_tasks: descriptions: the description only repeats the title",
        ),
        (
            "  get_tasks: {operation: listTasks, description: For tasks.}",
            "warning: get_tasks: descriptions: the description is 2 words",
        ),
        (
            "  get_tasks: {operation: listTasks}\n  see_tasks: {operation: listTasks}",
            "warning: see_tasks: descriptions: it is described exactly as get_tasks",
        ),
        (
            "  create_task: {operation: createTask, read_only: true}",
            "warning: create_task: annotations: POST is marked as read-only",
        ),
        (
            "  delete_task: {operation: deleteTask, read_only: true}",
            "error: delete_task: annotations: DELETE is marked as read-only",
        ),
        (
            "  delete_task: {operation: deleteTask, destructive: false}",
            "warning: delete_task: annotations: DELETE is marked as not destructive",
        ),
        (
            "  delete_task: {operation: deleteTask, sunset: 2001-01-01}",
            "error: delete_task: lifecycle: its last day was 2001-01-01",
        ),
        (
            "  delete_task: {operation: deleteTask, deprecated: true}",
            "warning: delete_task: lifecycle: it is deprecated, but has neither",
        ),
        (
            "  list_tasks: {operation: listTasks}\n  x_y: {operation: gone, expose: false}",
            "warning: x_y: stale_entries: the document does not have gone",
        ),
    ],
)
def test_a_finding_names_the_tool_the_rule_and_the_fix(review: Any, tools: str, line: str) -> None:
    review.tools = tools
    result = review.run("lint")
    assert any(re.match(line, said) for said in result.output.splitlines())
    assert all("; " in said for said in result.output.splitlines()[:-1])
    assert result.exit_code == (1 if line.startswith("error") else 0)


def add_argument(review: Any, name: str, schema: dict[str, Any]) -> None:
    body = review.operation("/tasks", "post")["requestBody"]["content"]["application/json"]
    body["schema"]["properties"][name] = schema


@pytest.mark.parametrize(
    ("name", "schema", "line"),
    [
        ("password", {**TEXT, "description": "x"}, "error: create_task: passwords: "),
        (
            "org_id",
            {**TEXT, "description": "x"},
            "warning: create_task: tenant_arguments: the model chooses org_id",
        ),
        (
            "api_key",
            {**TEXT, "description": "x"},
            "warning: create_task: credential_arguments: the model is asked for api_key",
        ),
        (
            "key",
            {**TEXT, "description": "Your API key."},
            "warning: create_task: credential_arguments: the model is asked for key",
        ),
        (
            "auth",
            {"type": "object", "properties": {"accessToken": TEXT}},
            r"warning: create_task: credential_arguments: .* for auth\.accessToken",
        ),
        ("bare", TEXT, "warning: create_task: argument_descriptions: .* bare"),
        ("nested", deep(3), "warning: create_task: flat_inputs: .* deep in: nested"),
        (
            "long",
            {**TEXT, "description": "word " * 1_900},
            "warning: create_task: token_cost: it costs about 2",
        ),
    ],
)
def test_arguments_that_are_hard_or_dangerous_are_found(
    review: Any, name: str, schema: dict[str, Any], line: str
) -> None:
    add_argument(review, name, schema)
    result = review.run("lint")
    assert any(re.match(line, said) for said in result.output.splitlines())
    assert result.exit_code == (1 if line.startswith("error") else 0)


@pytest.mark.parametrize("command", ["lint", "list", "tokens", "diff"])
def test_the_manifest_can_be_an_argument(review: Any, command: str) -> None:
    by_option = review.run(command)
    by_argument = CliRunner().invoke(tools_command, [command, str(review.path / "tools.yaml")])
    assert (by_argument.exit_code, by_argument.output) == (by_option.exit_code, by_option.output)


def test_r17_a_single_tool_that_fills_a_models_context_is_an_error(review: Any) -> None:
    values = [f"value-{number:05}" for number in range(2_100)]
    add_argument(review, "kind", {"enum": values, "description": "Which kind."})
    review.tools = (
        f"  create_task: {{operation: createTask, description: {'Create a task. ' * 500}}}"
    )
    result = review.run("lint")
    assert "error: create_task: token_cost: it costs about" in result.output
    assert result.exit_code == 1


def test_an_object_within_itself_is_looked_at_once(review: Any) -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Tree"}}}
    review.api["components"] = {"schemas": {"Tree": tree}}
    add_argument(review, "tree", {"$ref": "#/components/schemas/Tree", "description": "x"})
    assert "flat_inputs" not in review.run("lint").output


def test_a_list_without_pages_is_found_until_the_manifest_names_them(review: Any) -> None:
    for parameter, name in zip(
        review.operation("/tasks", "get")["parameters"], ("von", "wie_viele"), strict=True
    ):
        parameter["name"] = name
    assert "warning: list_tasks: pagination: " in review.run("lint").output
    paging = "shape: {paging: {argument: von, next: weiter}}"
    review.tools = f"  list_tasks: {{operation: listTasks, {paging}}}"
    assert "pagination: " not in review.run("lint").output


def test_r17_a_list_that_costs_too_much_is_found_unless_it_is_searched(review: Any) -> None:
    review.tools = "".join(
        f"  get_{n}: {{operation: listTasks, description: Get the tasks of the year {n}.}}\n"
        for n in range(41)
    )
    assert (
        "warning: all tools: token_cost: 41 tools are listed at once" in review.run("lint").output
    )
    searched = review.run("lint", head="search_above: 20\n")
    assert searched.output == "41 tools, 0 errors, 0 warnings\n"


def test_an_operation_that_the_document_calls_deprecated_is_found(review: Any) -> None:
    review.operation("/tasks", "get")["deprecated"] = True
    assert "warning: list_tasks: lifecycle: the document marks" in review.run("lint").output


def test_a_manifest_that_does_not_load_is_explained(review: Any) -> None:
    review.tools = "  list_tasks: {operation: gone}"
    result = review.run("lint")
    assert result.exit_code == 1
    assert "tools.list_tasks.operation: " in result.output


def test_every_rule_is_named_as_its_file() -> None:
    assert all(rule.__module__.rpartition(".")[2] == rule.__name__ for rule in RULES)


def test_answers_that_say_whose_they_are_and_are_not_compared_are_found(review: Any) -> None:
    row = {"type": "object", "required": ["org_id"], "properties": {"org_id": TEXT}}
    media = {"application/json": {"schema": {"type": "array", "items": row}}}
    listing = review.operation("/tasks", "get")
    listing["responses"] = {"200": {"content": media}}
    org = {"name": "org_id", "in": "query", "description": "x", "schema": TEXT}
    listing["parameters"] = [*listing["parameters"], org]
    bound = "operation: listTasks, bind: {org_id: tenant_id}"
    review.tools = f"  list_tasks: {{{bound}}}"
    line = "warning: list_tasks: tenant_checks: its answers name their tenant ([].org_id)"
    assert line in review.run("lint").output
    review.tools = f'  list_tasks: {{{bound}, check: {{"[].org_id": tenant_id}}}}'
    assert "tenant_checks" not in review.run("lint").output


HIDDEN = "\u202e\U000e0041"


def in_an_enum(review: Any) -> None:
    add_argument(review, "kind", {"enum": ["a", f"b{HIDDEN}"], "description": "Which kind."})


def in_a_member_of_an_object(review: Any) -> None:
    member = {"type": "object", "properties": {f"b{HIDDEN}": TEXT}, "description": "More."}
    add_argument(review, "more", member)


def in_the_name_of_an_argument(review: Any) -> None:
    add_argument(review, f"b{HIDDEN}", {**TEXT, "description": "More."})


def in_a_redacted_field(review: Any) -> None:
    review.tools = f'  create_task: {{operation: createTask, shape: {{redact: ["b{HIDDEN}"]}}}}\n'


@pytest.mark.parametrize(
    "hide",
    [in_an_enum, in_a_member_of_an_object, in_the_name_of_an_argument, in_a_redacted_field],
)
def test_a_name_or_value_with_hidden_characters_is_an_error_that_shows_them(
    review: Any, hide: Callable[[Any], None]
) -> None:
    hide(review)
    result = review.run("lint")
    (line,) = [said for said in result.output.splitlines() if "hidden_characters" in said]
    assert line.startswith("error: create_task: hidden_characters: ")
    assert json.dumps(HIDDEN)[1:-1] in line
    assert result.exit_code == 1


def test_fields_and_states_of_a_job_that_the_document_does_not_have_are_found(review: Any) -> None:
    states = {"type": "string", "enum": ["running", "done"]}
    job = {"type": "object", "properties": {"id": TEXT, "state": states, "at": {"type": "object"}}}
    answer = {"200": {"content": {"application/json": {"schema": job}}}}
    review.operation("/tasks", "post")["responses"] = answer
    review.api["paths"]["/tasks/{id}"]["get"] = {"operationId": "getTask", "responses": answer}

    def lint(task: str) -> list[str]:
        review.tools = (
            f"  create_task: {{operation: createTask, task: {{status: get_task, {task}}}}}\n"
            "  get_task: {operation: getTask, expose: false}"
        )
        found = review.run("lint").output.splitlines()
        return [line for line in found if "job_fields" in line]

    head = "warning: create_task: job_fields: task."
    assert lint("id: id, state: state, message: at.all, states: {completed: [done]}") == []
    assert lint("id: key, state: stat, message: at, states: {completed: [true]}") == [
        f"{head}id: the documented answer of create_task does not have key; it has at, id, state",
        f"{head}state: the documented answer of get_task does not have stat; did you mean state?",
    ]
    assert lint("id: id, state: state, states: {completed: [Done]}") == [
        f"{head}states: 'Done' is not a documented state of a job; the document has running, done"
    ]


def test_values_that_completions_and_calls_take_from_no_documented_field_are_found(
    review: Any,
) -> None:
    task = {"type": "object", "properties": {"id": TEXT, "owner": TEXT}}
    page = {"type": "object", "properties": {"items": {"type": "array", "items": task}}}
    for path, method, schema in (("/tasks", "get", page), ("/tasks", "post", task)):
        answer = {"200": {"content": {"application/json": {"schema": schema}}}}
        review.operation(path, method)["responses"] = answer

    def lint(values: str, owner: str, first: str) -> list[str]:
        review.tools = f"""\
  list_tasks: {{operation: listTasks}}
  create_task: {{operation: createTask}}
  copy_tasks:
    description: Create every task of the list again, for the same owner.
    billing: {{units: 1}}
    calls:
      - {{as: page, tool: list_tasks}}
      - as: copies
        tool: create_task
        for_each: page.items
        arguments: {{title: Copy, owner: {{from: {owner}}}}}
    result: {{first: {first}}}
prompts:
  tell:
    arguments: {{task: {{complete: {{tool: list_tasks, values: "{values}"}}}}}}
    text: "{{{{task}}}}"
"""
        found = review.run("lint").output.splitlines()
        return [line for line in found if "value_paths" in line]

    assert lint("items[].id", "item.owner", "copies.0.id") == []
    of = "the documented answer of"
    tool = "warning: copy_tasks: value_paths:"
    place = "warning: list_tasks: value_paths: prompts.tell.arguments.task.complete:"
    assert lint("items.id", "item.ownr", "copies.id") == [
        f"{tool} calls.copies: {of} item does not have item.ownr; did you mean item.owner?",
        f"{tool} result.first: {of} copies does not have copies.id; did you mean copies.0.id?",
        f"{place} its documented answer does not have items.id; did you mean items[].id?",
    ]


def test_bare_arguments_of_a_composite_tool_are_to_be_described_in_its_own_input(
    review: Any,
) -> None:
    review.tools = """\
  create_task: {operation: createTask}
  create_tasks:
    description: Create the same task for somebody.
    calls: [{as: task, tool: create_task, arguments: {title: {from: input.title}}}]
    input: {title: {type: string}}
"""
    said = "create_tasks: argument_descriptions: arguments without a description: title; "
    assert f"{said}describe them under `input`" in review.run("lint").output
