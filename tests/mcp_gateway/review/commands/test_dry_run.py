"""`gatepost tools dry-run`: show the request of a call, without secrets."""

from typing import Any

import pytest

from support.processes.configuration import serving, write_config

BOUND = "  list_tasks: {operation: listTasks, bind: {cursor: tenant_id, limit: data_scope.team}}\n"


def test_r23_the_exact_request_is_printed_and_nothing_is_sent(review: Any) -> None:
    result = review.run(
        "dry-run", "create_task", '{"title": "Grüße"}', "--upstream-url", "http://127.0.0.1:1/v1"
    )
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "POST http://127.0.0.1:1/v1/tasks"
    assert "Content-Type: application/json" in lines
    assert "Gatepost-Assertion: ***" in lines
    assert lines[-1] == '{"title":"Grüße"}'


def test_bound_arguments_are_shown_with_the_claim_they_come_from(review: Any) -> None:
    review.tools = BOUND
    result = review.run(
        *("dry-run", "list_tasks", "--upstream-url", "https://api.example"),
        *("--claim", "tenant_id=org_acme", "--claim", "data_scope.team=design"),
    )
    assert result.output.startswith("GET https://api.example/tasks?cursor=org_acme&limit=design\n")
    assert "# cursor is bound to the claim tenant_id: org_acme" in result.output
    assert "# limit is bound to the claim data_scope.team: design" in result.output


def test_claims_that_are_not_given_are_examples(review: Any) -> None:
    review.tools = BOUND
    assert "?cursor=org_example&limit=example" in review.run("dry-run", "list_tasks").output


def test_secrets_of_the_configuration_are_masked(
    review: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_KEY", "hunter2-hunter2")
    config = write_config(
        review.path,
        mcp_gateway=serving(
            "http://127.0.0.1:8400",
            "http://127.0.0.1:8401/mcp",
            "http://127.0.0.1:8402/base",
            signing_key="key.pem",
            upstream_headers={"X-Service-Key": {"env": "SERVICE_KEY"}},
        ),
    )
    result = review.run("dry-run", "list_tasks", "--config", str(config))
    assert result.exit_code == 0, result.output
    assert result.output.startswith("GET http://127.0.0.1:8402/base/tasks\n")
    assert "X-Service-Key: ***" in result.output
    assert "hunter2" not in result.output
    assert not (review.path / "key.pem").exists()


def test_of_several_apis_the_one_with_the_manifest_is_shown(review: Any) -> None:
    section = serving("http://127.0.0.1:8400", "http://127.0.0.1:8401/mcp", "")
    del section["manifest"], section["upstream_url"]
    section["apis"] = {
        "orbit": {"url": "https://orbit.example", "manifest": "orbit/tools.yaml"},
        "billing": {"url": "https://billing.example", "manifest": "tools.yaml"},
    }
    config = write_config(review.path, mcp_gateway=section)
    result = review.run("dry-run", "list_tasks", "--config", str(config))
    assert result.output.startswith("GET https://billing.example/tasks\n")
    section["apis"]["billing"]["manifest"] = "elsewhere.yaml"
    config = write_config(review.path, mcp_gateway=section)
    result = review.run("dry-run", "list_tasks", "--config", str(config))
    assert result.exit_code == 1
    assert "no API in the settings has the manifest" in result.output


@pytest.mark.parametrize(
    ("credential", "line"),
    [
        ({"place": "bearer"}, "Authorization: Bearer ***"),
        ({"place": "basic"}, "Authorization: Basic ***"),
        ({"place": "header X-Key"}, "X-Key: ***"),
        ({"place": "cookie sid"}, "Cookie: sid=***"),
        ({"place": "query key"}, "GET http://127.0.0.1:8402/base/tasks?key=***"),
    ],
)
def test_credentials_are_shown_where_they_go_and_never_read(
    review: Any, monkeypatch: pytest.MonkeyPatch, credential: dict[str, Any], line: str
) -> None:
    monkeypatch.setenv("SERVICE_KEY", "hunter2-hunter2")
    config = write_config(
        review.path,
        mcp_gateway=serving(
            "http://127.0.0.1:8400",
            "http://127.0.0.1:8401/mcp",
            "http://127.0.0.1:8402/base",
            upstream_credentials={
                "key": {"mode": "static", "value": {"env": "SERVICE_KEY"}, **credential},
                "other": {
                    "mode": "token_exchange",
                    "token_url": "http://127.0.0.1:1/token",
                    "place": "header X-Token",
                },
            },
        ),
    )
    result = review.run("dry-run", "list_tasks", "--config", str(config))
    assert line in result.output.splitlines()
    assert "X-Token: ***" in result.output
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["create_task", "{}"], 1, "title: is required"),
        (["create_task", '{"titel": "x"}'], 1, "did you mean 'title'?"),
        (["delete_task", '{"id": ".."}'], 1, "id "),
        (["delete_tasks"], 1, "did you mean delete_task"),
        (["create_task", "title=x"], 2, "ARGUMENTS is not JSON"),
        (["create_task", "[]"], 2, "ARGUMENTS must be a JSON object"),
        (["list_tasks", "--claim", "tenant=x"], 2, "write CLAIM=VALUE"),
        (["list_tasks", "--claim", "data_scope.team=a b!"], 2, "--claim"),
        (["list_tasks", "--config", "/nowhere/gatepost.yaml"], 1, "/nowhere/gatepost.yaml"),
    ],
)
def test_a_call_that_would_be_refused_is_refused_with_the_models_words(
    review: Any, arguments: list[str], code: int, message: str
) -> None:
    result = review.run("dry-run", *arguments)
    assert result.exit_code == code
    assert message in result.output


def test_a_query_is_shown_as_it_is_posted(review: Any) -> None:
    query = "query FindTasks($org: ID!) { tasks(org: $org) { id } }"
    review.tools = (
        "  find_tasks:\n"
        f'    graphql: {{query: "{query}", variables: {{org: {{type: string}}}}}}\n'
        "    bind: {org: tenant_id}\n"
    )
    result = review.run("dry-run", "find_tasks", "--claim", "tenant_id=org_acme")
    assert "POST https://api.example.com/graphql\n" in result.output
    assert f'"query":"{query}"' in result.output
    assert '"variables":{"org":"org_acme"}' in result.output


def test_filled_arguments_are_shown_and_secrets_in_them_are_masked(review: Any) -> None:
    review.tools = (
        "  create_task: {operation: createTask, fill: {title: {credential: theirKey}}}\n"
        "  list_tasks: {operation: listTasks, fill: {limit: {value: few}, cursor: {omit: true}}}\n"
    )
    posted = review.run("dry-run", "create_task", "--upstream-url", "https://api.example")
    assert '{"title":"***"}' in posted.output
    assert "# title is filled by the gateway: the credential theirKey" in posted.output
    listed = review.run("dry-run", "list_tasks", "--upstream-url", "https://api.example")
    assert listed.output.startswith("GET https://api.example/tasks?limit=few\n")
    assert "# cursor is filled by the gateway: not sent" in listed.output


def test_a_refused_call_controls_no_terminal(review: Any) -> None:
    result = review.run("dry-run", "create_task", '{"\\u009b2K\\u202e\\rtitle": 1}')
    assert (result.exit_code, "\\u202e" in result.output) == (1, True)
    assert all(c.isprintable() or c == "\n" for c in result.output)


COMPOSITE = """
  find_tasks:
    description: List tasks and add one.
    calls:
      - {as: tasks, tool: list_tasks, arguments: {limit: {from: input.limit}}}
      - as: made
        tool: create_task
        for_each: tasks.items
        most: 2
        when: {from: input.limit, equals: "2"}
        arguments: {title: {from: item.title}}
    billing: {units: 2}
"""


def test_the_calls_of_a_composite_tool_are_shown_as_far_as_they_are_known(review: Any) -> None:
    review.tools += COMPOSITE
    result = review.run(
        "dry-run", "find_tasks", '{"limit": "2"}', "--upstream-url", "https://api.example"
    )
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[:2] == ["# tasks: list_tasks", "GET https://api.example/tasks?limit=2"]
    assert lines[-5:] == [
        "# made: create_task",
        "# for each item of tasks.items, at most 2",
        "# only if input.limit is '2'",
        "POST /tasks",
        "# title comes from item.title",
    ]
    refused = review.run("dry-run", "find_tasks", '{"limt": "2"}')
    assert refused.exit_code == 1
    assert "limt: unknown argument" in refused.output


def test_a_composite_call_that_would_be_refused_is_refused_before_any_request_is_shown(
    review: Any,
) -> None:
    review.tools = (
        BOUND
        + """
  find_tasks:
    description: List tasks.
    input: {page: {type: object, properties: {title: {type: string}}}}
    calls:
      - {as: task, tool: create_task, arguments: {title: {from: input.page.title}}}
      - {as: tasks, tool: list_tasks}
  create_task: {operation: createTask}
"""
    )
    missing = review.run("dry-run", "find_tasks", '{"page": {}}')
    assert missing.exit_code == 1
    assert "input.page.title leads to no value. create_task needs it" in missing.output
    claim = review.run(
        *("dry-run", "find_tasks", '{"page": {"title": "x"}}', "--claim", "tenant_id=")
    )
    assert claim.exit_code == 1
    assert "The token needs the claim tenant_id; give it by --claim" in claim.output


def test_a_composite_tool_is_listed_shown_and_linted(review: Any) -> None:
    review.tools += COMPOSITE
    assert "CALLS list_tasks, create_task" in review.run("list").output
    shown = review.run("show", "find_tasks").output
    assert "tasks: list_tasks(limit = input.limit)" in shown
    assert "made: create_task(title = item.title) for each item of tasks.items, at most 2" in shown
    linted = review.run("lint").output
    assert "error" not in linted.replace("0 errors", "")
    assert review.run("diff", "--write").exit_code == 0
    review.tools = review.tools.replace("most: 2", "most: 3")
    changed = review.run("diff")
    assert "find_tasks: how it is sent, asked for or limited changed" in changed.output


PUBLISHING = """\
  list_tasks: {operation: listTasks, output: publish}
  list_titles: {operation: listTasks, output: publish, shape: {fields: ["[].title"]}}
  create_task: {operation: createTask}
"""


def compare(review: Any, tool: str, answer: bytes) -> Any:
    """Compare an answer of a list of tasks with the schema that a tool publishes."""
    task = {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "integer"}, "title": {"type": "string"}},
    }
    content = {"application/json": {"schema": {"type": "array", "items": task}}}
    operation = review.api["paths"]["/tasks"]["get"]
    operation["responses"] = {"200": {"description": "", "content": content}}
    review.tools = PUBLISHING
    (review.path / "answer.json").write_bytes(answer)
    return review.run("dry-run", tool, "--answer", str(review.path / "answer.json"))


def test_an_operator_learns_each_place_where_an_answer_deviates_and_no_value(review: Any) -> None:
    answer = b'[{"id": 1, "title": null}, {"id": "secret"}, {"id": "secret"}, {"title": 7}]'
    result = compare(review, "list_tasks", answer)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "Clients get the answer as `unexpected`, because it deviates:",
        "  result[].id is string, not integer",
        "  result[].id is missing",
        "  result[].title is integer, not null or string",
    ]


@pytest.mark.parametrize(
    ("tool", "answer", "code", "said"),
    [
        ("list_tasks", b'[{"id": 1, "new": true}]', 0, "The answer matches the published schema."),
        ("list_titles", b'[{"id": "1", "title": "A"}]', 0, "matches the published schema"),
        ("list_tasks", b'{"items": []}', 1, "(root) has another form than the document describes"),
        ("list_tasks", b"<html>", 1, "(root) has another form"),
        ("list_tasks", b'[{"id":1,"title":"' + b"x" * 99_999 + b'"}]', 1, "(cut) is longer than"),
        ("list_titles", b"<html>", 1, "the answer is not JSON, which the tool's `shape` needs"),
        ("list_tasks", b"[" + b"1," * 300_000 + b"1]", 1, "Request less at a time"),
        ("create_task", b"{}", 2, "create_task publishes no schema of its answer; set `output"),
    ],
)
def test_an_answer_is_compared_as_the_tool_would_deliver_it(
    review: Any, tool: str, answer: bytes, code: int, said: str
) -> None:
    result = compare(review, tool, answer)
    assert (result.exit_code, said in result.output) == (code, True), result.output


def test_the_requests_about_a_job_are_shown_although_their_tools_are_not_exposed(
    review: Any,
) -> None:
    review.api["paths"]["/tasks/{id}"]["get"] = {"operationId": "getTask"}
    review.tools = (
        "  create_task:\n    operation: createTask\n"
        "    task: {status: get_task, id: id, state: state, states: {completed: [done]}}\n"
        "  get_task: {operation: getTask, expose: false}\n"
        "  delete_task: {operation: deleteTask, expose: false}\n"
    )
    url = ("--upstream-url", "https://api.example")
    shown = review.run("dry-run", "get_task", '{"id": "7"}', *url)
    assert shown.output.startswith("GET https://api.example/tasks/7\n"), shown.output
    hidden = review.run("dry-run", "delete_task", '{"id": "7"}', *url)
    assert hidden.output.startswith("Error: no tool delete_task is exposed")
