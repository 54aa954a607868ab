"""`gatepost tools list | show | tokens`: display a manifest."""

import json
from importlib.metadata import entry_points
from typing import Any

import orjson


def test_the_list_shows_every_exposed_tool_and_counts_the_others(review: Any) -> None:
    review.tools += "  hidden: {operation: listTasks, expose: false}\n"
    lines = review.run("list").output.splitlines()
    assert lines[0].split() == ["TOOL", "SCOPE", "EFFECT", "TOKENS", "OPERATION"]
    assert [line.split()[:3] for line in lines[1:4]] == [
        ["create_task", "mcp:write", "changes"],
        ["delete_task", "mcp:write", "destroys"],
        ["list_tasks", "mcp:read", "reads"],
    ]
    assert lines[1].endswith("POST /tasks")
    assert lines[-1].startswith("3 exposed, 1 not exposed; hash ")


def test_a_tool_is_shown_as_models_get_it_and_with_what_they_never_see(review: Any) -> None:
    review.tools = (
        "  create_task:\n    operation: createTask\n    bind: {owner: sub}\n    billing: {units: 3}\n"
        "    check: {org_id: tenant_id}\n    limits: {per_minute: 5}\n    version: '2'\n"
    )
    output = review.run("show", "create_task").output
    published, _, rest = output.partition("\n}\n")
    assert list(orjson.loads(published + "}")["inputSchema"]["properties"]) == ["title"]
    for line in (
        "operation: POST /tasks",
        "bound: owner = sub",
        "checked: org_id = tenant_id",
        "limits: 5 a minute",
        "billing: 3 calls, success",
        "version: 2",
    ):
        assert line in rest.splitlines()


def test_a_call_of_an_unknown_tool_names_the_nearest_one(review: Any) -> None:
    result = review.run("show", "create_tasks")
    assert result.exit_code == 1
    assert "did you mean create_task" in result.output


def test_r17_tokens_are_told_per_tool_and_in_all_the_dearest_first(review: Any) -> None:
    lines = review.run("tokens").output.splitlines()
    costs = [int(line.split()[0]) for line in lines]
    assert costs[:3] == sorted(costs[:3], reverse=True)
    assert costs[3] == sum(costs[:3])
    assert lines[0].split()[1] == "list_tasks"


def test_r17_a_searched_catalogue_costs_as_much_as_its_three_tools(review: Any) -> None:
    lines = review.run("tokens", head="search_above: 2\n").output.splitlines()
    assert "listed instead of them" in lines[-1]
    assert 0 < int(lines[-1].split()[0]) < 500


def test_the_list_and_its_tokens_are_for_programs_too(review: Any) -> None:
    tools = [json.loads(line) for line in review.run("list", "--json").output.splitlines()]
    costs = [json.loads(line) for line in review.run("tokens", "--json").output.splitlines()]
    assert [(one["name"], one["destructive"], one["method"]) for one in tools] == [
        ("create_task", False, "POST"),
        ("delete_task", True, "DELETE"),
        ("list_tasks", False, "GET"),
    ]
    assert {one["name"]: one["tokens"] for one in costs} == {
        one["name"]: one["tokens"] for one in tools
    }


def test_the_tools_command_is_part_of_gatepost() -> None:
    points = {point.name: point.value for point in entry_points(group="gatepost.commands")}
    assert points["tools"] == "mcp_gateway.cli:tools"


def test_a_reviewer_sees_hidden_characters_of_values_and_models_get_them_exactly(
    review: Any,
) -> None:
    hidden = "\u202e\x9b\U000e0041"
    shown = json.dumps(hidden)[1:-1]
    limit = review.operation("/tasks", "get")["parameters"][1]
    limit["schema"] = {"type": "string", "enum": ["one", f"all{hidden}"]}
    limit["example"] = f"on{hidden}e"
    review.operation("/tasks", "get")["parameters"][0]["schema"] = {
        "type": "string",
        "examples": [{f"a{hidden}": [f"b{hidden}"]}],
    }
    review.api["paths"][f"/all{hidden}"] = {"get": {"operationId": "listAll"}}
    review.tools += "  list_all: {operation: listAll}\n"

    output = review.run("show", "list_tasks").output
    listed = review.run("list").output
    linted = review.run("lint").output
    review.run("diff", "--write")
    lock = (review.path / "tools.lock.json").read_text()
    unchanged = review.run("diff").output
    limit["schema"]["enum"].pop()
    changed = review.run("diff").output

    arguments = orjson.loads(output.partition("\n}\n")[0] + "}")["inputSchema"]["properties"]
    assert arguments["limit"]["enum"] == ["one", f"all{hidden}"]
    assert arguments["cursor"]["examples"] == [{"a": ["b"]}]
    assert unchanged == "No changes.\n"
    assert f'can no longer be "all{shown}"' in changed
    assert f"GET /all{shown}" in listed
    for text in (output, listed, linted, lock, changed):
        assert all(c.isprintable() or c == "\n" for c in text)
        assert "\U000e0041" not in text


def test_a_problem_of_a_manifest_is_told_on_one_line_without_hidden_characters(
    review: Any,
) -> None:
    review.tools += '  "a\\n\\x9b2K\\u202eWrote tools.yaml": {operation: listTasks}\n'
    output = review.run("list").output
    assert "\\u202eWrote tools.yaml" in output
    assert all(c.isprintable() or c == "\n" for c in output)
    assert "\na" not in output


def test_a_manifest_that_cannot_be_read_controls_no_terminal(review: Any) -> None:
    review.tools += "  more: !a%1b%5b2J%0aWrote {operation: listTasks}\n"
    result = review.run("list")
    assert (result.exit_code, "[2J" in result.output) == (1, True)
    assert all(c.isprintable() or c == "\n" for c in result.output), result.output
    assert "\nWrote" not in result.output
