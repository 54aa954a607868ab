"""`gatepost tools diff`: report changes for users of the tools before they ship."""

from typing import Any

import orjson
import pytest


@pytest.fixture
def published(review: Any) -> Any:
    """A review whose current tools are published."""
    result = review.run("diff", "--write")
    assert result.exit_code == 0, result.output
    assert "Wrote" in result.output
    return review


def body(review: Any) -> Any:
    content = review.operation("/tasks", "post")["requestBody"]["content"]
    return content["application/json"]["schema"]


def test_a_report_without_changes_passes(published: Any) -> None:
    result = published.run("diff")
    assert (result.exit_code, result.output) == (0, "No changes.\n")


def test_without_a_lock_file_it_says_how_to_make_one(review: Any) -> None:
    result = review.run("diff")
    assert result.exit_code == 1
    assert "diff --write" in result.output


def test_r23_a_change_that_breaks_calls_fails_with_the_reason(published: Any) -> None:
    body(published)["required"] = ["title", "owner"]
    result = published.run("diff")
    assert result.exit_code == 1
    assert "breaking: create_task: owner is required now" in result.output
    assert "1 breaking, 0 security, 0 additive, 0 wording" in result.output


def test_a_removed_tool_is_breaking_unless_it_has_a_successor(
    published: Any,
) -> None:
    published.tools = published.tools.replace(
        "  list_tasks: {operation", "  find_tasks: {operation"
    )
    result = published.run("diff")
    assert result.exit_code == 1
    assert "breaking: list_tasks: is no longer served" in result.output
    published.tools += (
        "  list_tasks: {operation: listTasks, expose: false, replaced_by: find_tasks}\n"
    )
    result = published.run("diff")
    assert result.exit_code == 0
    assert "additive: list_tasks: is replaced by find_tasks" in result.output
    assert "additive: find_tasks: is new" in result.output


def test_a_renamed_tool_is_proposed_and_then_compared_under_its_former_name(published: Any) -> None:
    former = "former: [{name: create_task, until: '2099-12-31'}]"
    published.tools = published.tools.replace("  create_task: {", "  add_task: {")
    result = published.run("diff")
    assert result.exit_code == 1
    said = "breaking: create_task: is no longer served; add_task has its operation"
    assert said in result.output
    assert "add `former: [{name: create_task, until: DATE}]` there" in result.output

    published.tools = published.tools.replace("  add_task: {", f"  add_task: {{{former}, ")
    result = published.run("diff")
    assert result.exit_code == 0
    assert result.output == (
        "additive: create_task: is called add_task now, and still answers to this name\n"
        "0 breaking, 0 security, 1 additive, 0 wording\n"
    )

    body(published)["required"] = ["title", "owner"]
    published.tools = published.tools.replace(
        "{name: create_task", "{arguments: {t: title}, name: create_task"
    )
    result = published.run("diff")
    assert result.exit_code == 1
    assert "breaking: create_task: owner is required now" in result.output
    assert "breaking: create_task: title" in result.output


def test_additional_arguments_and_changed_texts_pass(published: Any) -> None:
    body(published)["properties"]["due"] = {"type": "string"}
    published.operation("/tasks", "get")["description"] = "List tasks, said better."
    result = published.run("diff")
    assert result.exit_code == 0
    assert "additive: create_task: due is new" in result.output
    assert "wording: list_tasks: the description changed" in result.output


def test_a_change_that_callers_cannot_see_is_still_shown(published: Any) -> None:
    published.tools = published.tools.replace("createTask}", "createTask, deadline: 5}")
    result = published.run("diff")
    assert result.exit_code == 0
    assert "wording: create_task: how it is sent, asked for or limited changed" in result.output


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("scope: mcp:admin", "the scope: mcp:write before, mcp:admin now"),
        ("toolsets: [tasks]", "the toolsets: write before, tasks, write now"),
        ("bind: {owner: sub}", "the arguments bound to claims: none before, owner: sub now"),
        (
            "fill: {owner: {value: ada}}",
            'the arguments that the gateway fills: none before, owner: "ada" now',
        ),
        ("check: {org_id: tenant_id}", "the checks of the answer: none before, org_id:"),
        ("confirm: true", "whether a person is asked first: no before, yes now"),
        ("approval: true", "whether an admin must approve it: none before, yes now"),
        ("destructive: true", "whether it is destructive: no before, yes now"),
        ("shape: {redact: [mail]}", "which fields are hidden: none before, mail now"),
        (
            "shape: {guard: block}",
            "the guard against instructions in answers: off before, block now",
        ),
    ],
)
def test_a_change_of_permissions_is_a_security_change(published: Any, more: str, said: str) -> None:
    published.tools = published.tools.replace("createTask}", f"createTask, {more}}}")
    result = published.run("diff")
    assert f"security: create_task: {said}" in result.output
    assert result.exit_code in {1, 3}
    if not more.startswith(("bind", "fill")):  # whose argument is gone, which breaks calls too
        assert result.exit_code == 3


def _job(tools: str) -> str:
    task = "{status: get_task, id: id, state: state, states: {completed: [done]}}"
    return tools.replace("createTask}", f"createTask, task: {task}}}")


def _calls(tools: str) -> str:
    call = "{as: task, tool: get_task, arguments: {id: {from: input.id}}}"
    return f"{tools}  see_task: {{description: See it., calls: [{call}, {{as: all, tool: list_tasks}}]}}\n"


@pytest.mark.parametrize(("uses", "tool"), [(_job, "create_task"), (_calls, "see_task")])
@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("shape: {redact: [mail]}", "expose: false", "which fields are hidden, of get_task: mail"),
        ("check: {org: tenant_id}", "expose: false", "the checks of the answer, of get_task: org:"),
    ],
)
def test_a_tool_that_only_others_use_is_reviewed_like_theirs(
    review: Any, uses: Any, tool: str, before: str, now: str, said: str
) -> None:
    review.api["paths"]["/tasks/{id}"]["get"] = {"operationId": "getTask"}
    review.tools = (
        uses(review.tools) + f"  get_task: {{operation: getTask, expose: false, {before}}}"
    )
    written = review.run("diff", "--write")
    assert written.exit_code == 0, written.output
    review.tools = review.tools.replace(f"expose: false, {before}", now)
    result = review.run("diff")
    assert f"security: {tool}: {said}" in result.output
    assert result.exit_code == 3


def test_accepting_writes_the_current_tools(published: Any) -> None:
    body(published)["required"] = ["title", "owner"]
    before = (published.path / "tools.lock.json").read_bytes()
    assert published.run("diff", "--write").exit_code == 0
    after = (published.path / "tools.lock.json").read_bytes()
    assert before != after
    assert published.run("diff").output == "No changes.\n"
    assert orjson.loads(after)["tools"]["create_task"]["inputSchema"]["required"] == [
        "title",
        "owner",
    ]


@pytest.mark.parametrize(
    "lock",
    [
        b"{}",
        b"nonsense: [",
        b'{"version": 1, "tools": {"list_tasks": {"hash": 1}}}',
        b'{"version": 1, "tools": {"a": {"hash": "", "inputSchema": {}, "scope": "", "bind": {},"called": 1}}}',
    ],
)
def test_a_damaged_lock_file_is_named_and_can_be_rewritten(review: Any, lock: bytes) -> None:
    (review.path / "tools.lock.json").write_bytes(lock)
    result = review.run("diff")
    assert result.exit_code == 1
    assert "tools.lock.json" in result.output
    assert review.run("diff", "--write").exit_code == 0
    assert review.run("diff").output == "No changes.\n"


ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer", "description": "The id."},
        "size": {"type": "number"},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
    },
}
PART = {"type": "object", "properties": {"of": {"$ref": "#/components/schemas/Part"}, "name": {}}}


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (
            ("properties", "id", "type"),
            "string",
            "breaking: list_tasks: id, a member of its answer, may be string now",
        ),
        (("required",), [], "breaking: list_tasks: id, a member of its answer, may be missing now"),
        (
            ("properties",),
            {},
            "breaking: list_tasks: parts[].name, a member of its answer, is no longer described",
        ),
        (("properties", "size", "type"), "integer", "wording: list_tasks: the published schema"),
        (
            ("properties", "id", "description"),
            "Its id.",
            "wording: list_tasks: the published schema",
        ),
        (
            ("properties", "new"),
            {"type": "string"},
            "additive: list_tasks: new is a new member of its answer",
        ),
    ],
)
def test_programs_that_read_answers_are_told_of_what_breaks_them(
    review: Any, keys: tuple[str, ...], value: Any, said: str
) -> None:
    answer = orjson.loads(orjson.dumps(ANSWER))
    content = {"application/json": {"schema": answer}}
    review.operation("/tasks", "get")["responses"] = {
        "200": {"description": "", "content": content}
    }
    review.api["components"] = {"schemas": {"Part": PART}}
    review.tools = "  list_tasks: {operation: listTasks, output: publish}\n"
    assert review.run("diff", "--write").exit_code == 0
    *way, last = keys
    for key in way:
        answer = answer[key]
    answer[last] = value
    result = review.run("diff")
    assert said in result.output
    assert result.exit_code == (1 if said.startswith("breaking") else 0)


def test_a_schema_that_is_no_longer_published_breaks_programs(review: Any) -> None:
    content = {"application/json": {"schema": ANSWER | {"properties": {"id": {"type": "integer"}}}}}
    review.operation("/tasks", "get")["responses"] = {
        "200": {"description": "", "content": content}
    }
    plain = "  list_tasks: {operation: listTasks}\n"
    publishing = "  list_tasks: {operation: listTasks, output: publish}\n"
    for before, now, said in (
        (plain, publishing, "additive: list_tasks: publishes the schema of its answer"),
        (publishing, plain, "breaking: list_tasks: no longer publishes the schema of its answer"),
    ):
        review.tools = before
        review.run("diff", "--write")
        review.tools = now
        assert said in review.run("diff").output
