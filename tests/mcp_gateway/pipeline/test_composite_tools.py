"""A tool that makes a few calls as one: each of them under its own rules, and one for people and plans."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gatepost.revocations import Revocation
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import World, a_world
from support.in_process.talk import initialize, talking

BOTH = pytest.mark.parametrize("era", ["old", "new"])
HEAD = "version: 1\nname: Shop\nopenapi: openapi.json\n"
SINGLE = """
tools:
  get_project: {operation: getProject, bind: {org_id: tenant_id}, check: {org_id: tenant_id}}
  list_tasks:
    operation: listTasks
    bind: {org_id: tenant_id}
    expose: false
    shape: {fields: ["items[].id", "items[].title"], redact: ["items[].title"]}
  get_owner: {operation: getOwner, bind: {org_id: tenant_id}, expose: false}
  add_task: {operation: addTask, bind: {org_id: tenant_id}, billing: {units: 3}}
  close_task: {operation: closeTask, bind: {org_id: tenant_id}, destructive: true, expose: false}
"""
COMPOSITE = """
  summarise_project:
    title: Summarise a project
    description: Read a project with its tasks.
    calls:
      - {as: project, tool: get_project, arguments: {id: {from: input.project}}}
      - as: tasks
        tool: list_tasks
        arguments: {project: {from: project.id}, state: {from: input.state}, limit: 3}
      - as: owner
        tool: get_owner
        when: {from: project.owner_id}
        arguments: {id: {from: project.owner_id}}
    result: {name: project.name, tasks: tasks.items, first: tasks.items.0.id, owner: owner.name}
  plan_task:
    description: Add a task to a project by its name.
    calls:
      - {as: project, tool: get_project, arguments: {id: {from: input.project}}}
      - {as: task, tool: add_task, arguments: {project: {from: project.id}, title: {from: input.title}}}
      - {as: again, tool: get_project, arguments: {id: {from: task.project_id}}}
  close_tasks:
    description: Close all tasks of a project.
    billing: {units: 5}
    calls:
      - {as: tasks, tool: list_tasks, arguments: {project: {from: input.project}}}
      - as: closed
        tool: close_task
        for_each: tasks.items
        most: 3
        arguments: {id: {from: item.id}}
"""


def _parameter(name: str, where: str = "query", **schema: Any) -> dict[str, Any]:
    kind = {"type": "string", **schema}
    return {"name": name, "in": where, "schema": kind, "required": where == "path"}


def write_manifest(folder: Path, tools: str = SINGLE + COMPOSITE, head: str = HEAD) -> Path:
    """Write a manifest beside a small document."""
    org = _parameter("org_id")
    body = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "project": {"type": "string"}},
        "required": ["title", "project"],
    }
    content = {"application/json": {"schema": body}}
    add = {
        "operationId": "addTask",
        "parameters": [org, _parameter("Idempotency-Key", "header")],
        "requestBody": {"required": True, "content": content},
    }
    listed = [org, _parameter("project"), _parameter("state"), _parameter("limit", type="integer")]
    one = [org, _parameter("id", "path")]
    paths = {
        "/projects/{id}": {"get": {"operationId": "getProject", "parameters": one}},
        "/people/{id}": {"get": {"operationId": "getOwner", "parameters": one}},
        "/tasks": {"get": {"operationId": "listTasks", "parameters": listed}, "post": add},
        "/tasks/{id}/close": {"post": {"operationId": "closeTask", "parameters": one}},
    }
    (folder / "openapi.json").write_bytes(orjson.dumps({"openapi": "3.1.0", "paths": paths}))
    manifest = folder / "tools.yaml"
    manifest.write_text(head + tools)
    return manifest


PROJECT = {"id": "p1", "name": "Roof", "org_id": "org_acme", "owner_id": "ada"}
TASKS = {"items": [{"id": f"t{n}", "title": f"Secret {n}", "body": "long"} for n in range(3)]}


def answers(changes: dict[str, Any] | None = None) -> Any:
    """Answer requests by the start of their path; an exception is raised."""
    usual = {
        "/projects/": PROJECT,
        "/people/": {"name": "Ada"},
        "/tasks/t": {"closed": True},
        "/tasks": TASKS,
    }

    changed = changes or {}
    known = {**changed, **{start: usual[start] for start in usual if start not in changed}}

    def answer(request: HttpRequest) -> HttpResponse:
        path = request.url.partition("8402")[2]
        for start, value in known.items():
            if path.startswith(start):
                if isinstance(value, Exception):
                    raise value
                if isinstance(value, HttpResponse):
                    return value
                return HttpResponse(200, "application/json", orjson.dumps(value))
        raise AssertionError(path)

    return answer


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway with composite tools."""
    async with a_world(tmp_path, manifest=write_manifest(tmp_path)) as world:
        world.api.answer = answers()
        yield world


def paths_of(world: World) -> list[str]:
    """Read the paths of the requests."""
    return [request.url.partition("8402")[2] for request in world.api.requests]


def text_of(result: dict[str, Any]) -> str:
    """Read all blocks of a result."""
    return "\n".join(block["text"] for block in result["content"])


@BOTH
async def test_calls_are_made_in_order_with_values_of_earlier_answers(
    shop: World, era: str
) -> None:
    given = {"project": "p1", "state": "open"}
    result = await shop.call(era, "summarise_project", given)

    assert result["structuredContent"] == {
        "name": "Roof",
        "tasks": [{"id": f"t{n}", "title": "[redacted]"} for n in range(3)],
        "first": "t0",
        "owner": "Ada",
    }
    assert paths_of(shop) == [
        "/projects/p1?org_id=org_acme",
        "/tasks?org_id=org_acme&project=p1&state=open&limit=3",
        "/people/ada?org_id=org_acme",
    ]
    assert result["_meta"]["gatepost/untrusted"] is True


@BOTH
async def test_a_call_is_one_event_with_one_cost(shop: World, era: str) -> None:
    shop.api.answer = answers({"/tasks": {"id": "t9", "project_id": "p1"}})
    await shop.call(era, "plan_task", {"project": "p1", "title": "Paint"})

    [record] = shop.records
    assert (record["tool"], record["cost"], record["outcome"]) == ("plan_task", 5, "success")
    assert record["calls_made"] == 3
    assert shop.journal.intents == {}


async def test_the_list_shows_one_tool_with_the_arguments_of_those_that_it_calls(
    shop: World,
) -> None:
    tools = (await shop.old("tools/list")).json()["result"]["tools"]
    found = {tool["name"]: tool for tool in tools}

    assert list(found) == [
        "add_task",
        "close_tasks",
        "get_project",
        "plan_task",
        "summarise_project",
    ]
    schema = found["summarise_project"]["inputSchema"]
    assert schema["properties"] == {"project": {"type": "string"}, "state": {"type": "string"}}
    assert schema["required"] == ["project"]
    assert "Makes these calls in order: " in found["plan_task"]["description"]
    hints = {name: tool["annotations"] for name, tool in found.items()}
    assert hints["summarise_project"]["readOnlyHint"] is True
    assert hints["plan_task"]["readOnlyHint"] is False
    assert hints["close_tasks"]["destructiveHint"] is True


@BOTH
async def test_an_argument_that_is_not_given_is_left_out(shop: World, era: str) -> None:
    await shop.call(era, "summarise_project", {"project": "p1"})

    assert paths_of(shop)[1] == "/tasks?org_id=org_acme&project=p1&limit=3"


@BOTH
async def test_a_call_whose_condition_does_not_hold_is_not_made(shop: World, era: str) -> None:
    shop.api.answer = answers({"/projects/": {**PROJECT, "owner_id": None}})
    result = await shop.call(era, "summarise_project", {"project": "p1"})

    assert len(shop.api.requests) == 2
    assert result["structuredContent"]["owner"] is None


@BOTH
async def test_a_failing_call_tells_what_was_made_before_and_what_it_answered(
    shop: World, era: str
) -> None:
    shop.api.answer = answers(
        {"/tasks": {"id": "t9", "project_id": "gone"}, "/projects/gone": HttpResponse(404, "", b"")}
    )
    result = await shop.call(era, "plan_task", {"project": "p1", "title": "Paint"})

    assert result["isError"] is True
    said = text_of(result)
    assert said.startswith("again (get_project): ")
    assert "Made before: project (get_project, reads), task (add_task, changes data)." in said
    assert "Nothing of it was undone." in said
    assert '"id":"t9"' in said
    [record] = shop.records
    assert (record["outcome"], record["cost"], record["reason"]) == ("error", 4, "upstream_status")
    assert record["status"] == 404


@BOTH
async def test_a_call_whose_outcome_nobody_knows_says_so(shop: World, era: str) -> None:
    shop.api.answer = answers({"/tasks": RequestFailed("deadline", "The API did not answer.")})
    result = await shop.call(era, "plan_task", {"project": "p1", "title": "Paint"})

    assert "Nobody knows whether it was done." in text_of(result)
    assert "Not made: again." in text_of(result)
    assert shop.records[0]["outcome"] == "unknown"


@BOTH
async def test_a_path_that_leads_nowhere_names_call_and_path(shop: World, era: str) -> None:
    shop.api.answer = answers({"/projects/": {"org_id": "org_acme"}})
    result = await shop.call(era, "summarise_project", {"project": "p1"})

    assert text_of(result).startswith("tasks (list_tasks): project.id leads to no value")
    assert len(shop.api.requests) == 1
    assert shop.records[0]["reason"] == "path_missing"


@BOTH
async def test_a_value_of_the_wrong_type_is_refused_before_it_is_sent(
    shop: World, era: str
) -> None:
    shop.api.answer = answers({"/projects/": {**PROJECT, "id": {"$ne": ""}}})
    result = await shop.call(era, "summarise_project", {"project": "p1"})

    assert "tasks (list_tasks): The arguments are not valid." in text_of(result)
    assert "project: must be a string" in text_of(result)
    assert len(shop.api.requests) == 1


@BOTH
async def test_a_value_of_an_answer_can_not_lead_a_request_elsewhere_a352(
    shop: World, era: str
) -> None:
    """A record of the API may have been written by an attacker."""
    for owner in ("../admin", "ada?org_id=org_evil"):
        shop.api.answer = answers({"/projects/": {**PROJECT, "owner_id": owner}})
        await shop.call(era, "summarise_project", {"project": "p1"})

    assert [path for path in paths_of(shop) if path.startswith("/people/")] == [
        "/people/ada%3Forg_id%3Dorg_evil?org_id=org_acme"
    ]
    assert [record["reason"] for record in shop.records] == ["unserialisable", ""]


@BOTH
async def test_a_foreign_record_in_the_middle_stops_the_calls_and_reaches_nobody_a353(
    shop: World, era: str
) -> None:
    shop.api.answer = answers({"/projects/p1": {**PROJECT, "org_id": "org_evil", "name": "Spy"}})
    result = await shop.call(era, "summarise_project", {"project": "p1"})

    assert "It was withheld" in text_of(result)
    assert "Spy" not in text_of(result)
    assert len(shop.api.requests) == 1
    assert shop.records[0]["reason"] == "foreign_record"


@BOTH
async def test_a_foreign_record_after_a_change_tells_the_change_and_not_the_record_a353(
    shop: World, era: str
) -> None:
    task = {"id": "t9", "project_id": "p2"}
    foreign = {**PROJECT, "org_id": "org_evil", "name": "Spy"}
    shop.api.answer = answers({"/projects/p2": foreign, "/tasks": task})
    result = await shop.call(era, "plan_task", {"project": "p1", "title": "Paint"})

    assert '"id":"t9"' in text_of(result)
    assert "Spy" not in text_of(result)


@pytest.mark.parametrize(
    ("how", "source", "problem"),
    [
        ("", "tasks.items.0.title", "tasks.items.0.title is redacted"),
        ("for_each: tasks.items", "item.title", "item.title is redacted"),
        ("for_each: tasks.items", "item", "item is redacted"),
        ("", "tasks.items.0.body", "tasks.items.0.body is not in `shape.fields`"),
        ("for_each: tasks.items", "item.id", ""),
    ],
)
def test_a_redacted_field_is_not_passed_on_either_a353(
    tmp_path: Path, how: str, source: str, problem: str
) -> None:
    """Nor is the placeholder, which a change would write over the API's own value."""
    tools = f"""{SINGLE}
  find_first:
    description: Find who has the first task.
    billing: {{units: 2}}
    calls:
      - {{as: tasks, tool: list_tasks}}
      - as: owner
        tool: get_owner
        arguments: {{id: {{from: {source}}}}}
        {how}
"""
    manifest = write_manifest(tmp_path, tools)
    if not problem:
        load_catalogue(manifest)
        return
    with pytest.raises(ManifestError, match=r"calls\[1\]\.arguments\.id\.from: ") as refused:
        load_catalogue(manifest)
    assert problem in str(refused.value)


@BOTH
async def test_a_composite_tool_needs_its_own_consent_and_the_scope_of_its_calls_a354(
    shop: World, era: str
) -> None:
    without = shop.token(allowed_tools=["get_project", "add_task"])
    arguments = {"project": "p1", "title": "Paint"}
    call = {"name": "plan_task", "arguments": arguments}
    answer = await shop.ask(era, "tools/call", call, token=without)
    assert "Unknown tool: plan_task" in answer.text

    reading = shop.token(allowed_tools=["plan_task"], scope="mcp:read")
    answer = await shop.ask(era, "tools/call", call, token=reading)
    assert "mcp:write" in answer.text
    assert shop.api.requests == []

    own = shop.token(allowed_tools=["plan_task"])
    assert (await shop.call(era, "plan_task", arguments, token=own))["isError"] is True
    hidden = await shop.ask(era, "tools/call", {"name": "list_tasks", "arguments": {}})
    assert "Unknown tool: list_tasks" in hidden.text


@BOTH
async def test_a_bound_argument_stays_the_callers_tenant_in_each_call_a354(
    shop: World, era: str
) -> None:
    given = {"project": "p1", "org_id": "org_evil"}
    result = await shop.call(era, "summarise_project", given)
    assert "org_id: unknown argument" in text_of(result)

    answer = await shop.ask(
        era,
        "tools/call",
        {"name": "summarise_project", "arguments": {"project": "p1"}},
        token=shop.token(tenant_id="org_globex"),
    )
    assert all("org_id=org_globex" in path for path in paths_of(shop))
    assert "withheld" in answer.text  # the project is Acme's


@BOTH
async def test_nothing_is_sent_if_a_later_call_lacks_its_claim_a354(
    tmp_path: Path, era: str
) -> None:
    tools = SINGLE.replace(
        "getOwner, bind: {org_id: tenant_id}", "getOwner, bind: {org_id: data_scope.region}"
    )
    async with a_world(tmp_path, manifest=write_manifest(tmp_path, tools + COMPOSITE)) as world:
        result = await world.call(era, "summarise_project", {"project": "p1"})

    assert "data_scope.region" in text_of(result)
    assert world.api.requests == []


async def test_a_person_confirms_once_for_all_calls_a355(tmp_path: Path) -> None:
    async with a_world(
        tmp_path, manifest=write_manifest(tmp_path), confirm_destructive="always"
    ) as world:
        call = {"name": "close_tasks", "arguments": {"project": "p1"}}
        answer = await world.new("tools/call", call)

        assert "elicitation" in answer.text
        assert world.api.requests == []


@BOTH
async def test_a_list_is_worked_through_up_to_its_limit(shop: World, era: str) -> None:
    result = await shop.call(era, "close_tasks", {"project": "p1"})
    assert result["structuredContent"]["closed"] == [{"closed": True}] * 3
    assert paths_of(shop)[1:] == [f"/tasks/t{n}/close?org_id=org_acme" for n in range(3)]
    assert shop.records[0]["cost"] == 5

    shop.api.requests.clear()
    many = {"items": [{"id": f"t{n}", "title": "x"} for n in range(4)]}
    shop.api.answer = answers({"/tasks?": many})
    result = await shop.call(era, "close_tasks", {"project": "p1"})
    assert "tasks.items has 4 items, and close_task is called for at most 3" in text_of(result)
    assert len(shop.api.requests) == 1


@BOTH
async def test_a_list_that_fails_in_the_middle_tells_how_far_it_came(shop: World, era: str) -> None:
    shop.api.answer = answers({"/tasks/t1": HttpResponse(409, "text/plain", b"already closed")})
    result = await shop.call(era, "close_tasks", {"project": "p1"})

    assert "closed (close_task, changes data, 1 time)" in text_of(result)
    assert '"closed":[{"closed":true}]' in text_of(result)
    assert len(shop.api.requests) == 3


@BOTH
async def test_each_call_has_an_idempotency_key_and_an_assertion_of_its_own(
    shop: World, era: str
) -> None:
    shop.api.answer = answers({"/tasks": {"id": "t9", "project_id": "p1"}})
    await shop.call(era, "plan_task", {"project": "p1", "title": "Paint"})

    call_id = shop.records[0]["call_id"]
    assert shop.api.header("idempotency-key", request=1) == f"{call_id}.task"
    signed = {shop.api.header("gatepost-assertion", request=number) for number in range(3)}
    assert len(signed) == 3


@BOTH
async def test_all_calls_share_one_deadline(shop: World, era: str) -> None:
    usual = answers()

    def slow(request: HttpRequest) -> HttpResponse:
        shop.clock.advance(seconds=20)
        return usual(request)  # type: ignore[no-any-return] # an answer of the API

    shop.api.answer = slow
    result = await shop.call(era, "summarise_project", {"project": "p1"})

    assert "The time for this call was over before get_owner was called." in text_of(result)
    assert len(shop.api.requests) == 2


@BOTH
async def test_answers_that_are_too_long_together_end_the_call_a356(shop: World, era: str) -> None:
    shop.api.answer = answers({"/projects/": {**PROJECT, "name": "x" * (5 << 20)}})
    result = await shop.call(era, "summarise_project", {"project": "p1"})

    assert "longer than 4 MiB together" in text_of(result)
    assert len(shop.api.requests) == 1


@BOTH
async def test_a_long_answer_of_several_calls_is_cut_like_any_other_a356(
    shop: World, era: str
) -> None:
    many = {"items": [{"id": "t", "title": "y" * 900} for _ in range(400)]}
    shop.api.answer = answers({"/tasks": many, "/projects/": {**PROJECT, "name": "x" * (1 << 20)}})
    result = await shop.call(era, "summarise_project", {"project": "p1"})

    assert result["isError"] is False
    assert len(result["content"][0]["text"]) <= 64 << 10
    assert "gatepost/truncated" in result["_meta"]


async def test_a_composite_tool_does_not_get_around_a_limit_of_a_called_one_a355(
    tmp_path: Path,
) -> None:
    """Neither by calls beside those of the tool itself, nor by several in one call."""
    twice = """
  add_two:
    description: Add two tasks.
    calls:
      - {as: a, tool: add_task, arguments: {project: a, title: b}}
      - {as: b, tool: add_task, arguments: {project: a, title: c}}
"""
    limited = SINGLE.replace("addTask, bind", "addTask, limits: {per_minute: 5}, bind")
    async with a_world(tmp_path, manifest=write_manifest(tmp_path, limited + twice)) as world:
        world.api.answer = answers()
        for _ in range(2):
            assert (await world.call("old", "add_two"))["isError"] is False
        refused = await world.call("old", "add_two")
        assert "may make 5 a minute of add_task" in text_of(refused)
        given = {"project": "a", "title": "d"}
        assert (await world.call("old", "add_task", given))["isError"] is False
        assert (await world.call("old", "add_task", given))["isError"] is True
        world.clock.advance(seconds=36)
        assert (await world.call("old", "add_two"))["isError"] is False

    assert len(world.api.requests) == 7


# --- faults in the middle ---------------------------------------------------------------------------

BILLED = """
tools:
  get_project: {operation: getProject, bind: {org_id: tenant_id}, billing: {units: 2, when: WHEN}}
  get_owner: {operation: getOwner, bind: {org_id: tenant_id}, billing: {units: 7, when: WHEN}}
  add_task: {operation: addTask, bind: {org_id: tenant_id}, billing: {units: 30, when: WHEN}}
  do_it:
    description: Read a project and its owner, and add a task.
    calls:
      - {as: project, tool: get_project, arguments: {id: {from: input.project}}}
      - {as: owner, tool: get_owner, when: {from: project.owner_id}, arguments: {id: {from: project.owner_id}}}
      - {as: task, tool: add_task, arguments: {project: a, title: b}}
"""
NOT_FOUND = HttpResponse(404, "text/plain", b"")


@pytest.mark.parametrize(
    ("when", "changes", "cost"),
    [
        ("success", {}, 39),
        ("success", {"/projects/": {}}, 32),
        ("success", {"/projects/": NOT_FOUND}, 0),
        ("success", {"/people/": NOT_FOUND}, 2),
        ("success", {"/tasks": HttpResponse(409, "text/plain", b"")}, 9),
        ("always", {}, 39),
        ("always", {"/projects/": NOT_FOUND}, 2),
        ("always", {"/people/": NOT_FOUND}, 9),
        ("never", {"/tasks": NOT_FOUND}, 0),
    ],
)
async def test_a_call_costs_what_the_calls_cost_that_were_made(
    tmp_path: Path, when: str, changes: dict[str, Any], cost: int
) -> None:
    """Nobody pays for calls that were not made, and nobody gets a change for nothing by a failing read."""
    tools = BILLED.replace("WHEN", when)
    async with a_world(tmp_path, manifest=write_manifest(tmp_path, tools)) as world:
        world.api.answer = answers(changes)
        await world.call("new", "do_it", {"project": "p1"})

    [record] = world.records
    assert record["cost"] == cost
    assert record["meter"] == ("calls" if cost else "")


async def test_a_cost_of_its_own_is_due_as_that_of_any_tool(tmp_path: Path) -> None:
    tools = BILLED.replace("WHEN", "success") + "    billing: {units: 4}\n"
    async with a_world(tmp_path, manifest=write_manifest(tmp_path, tools)) as world:
        world.api.answer = answers({"/projects/": {}})
        await world.call("new", "do_it", {"project": "p1"})
        world.api.answer = answers({"/tasks": NOT_FOUND})
        await world.call("new", "do_it", {"project": "p1"})

    assert [record["cost"] for record in world.records] == [4, 0]


SHAPED = """
  find_owner:
    description: Find the owner of a project.
    shape: {redact: [owner.email, "mails[]"]}
    calls:
      - {as: owner, tool: get_owner, arguments: {id: {from: input.owner}}}
      - {as: project, tool: get_project, arguments: {id: {from: input.project}}}
    result: {owner: owner, mails: owner.mails, project: project.name}
"""


@BOTH
async def test_what_the_answer_redacts_does_not_leave_when_a_later_call_fails_a379(
    tmp_path: Path, era: str
) -> None:
    manifest = write_manifest(tmp_path, SINGLE + SHAPED)
    person = {"name": "Ada", "email": "ada@secret.example", "mails": ["ada@secret.example"]}
    async with a_world(tmp_path, manifest=manifest) as world:
        world.api.answer = answers({"/people/": person, "/projects/": NOT_FOUND})
        result = await world.call(era, "find_owner", {"owner": "ada", "project": "p1"})

    assert result["isError"] is True
    said = text_of(result)
    assert '"owner":{"name":"Ada","email":"[redacted]"' in said
    # A field that the answer leaves out, and one that is redacted under another name.
    assert '"mails":["[redacted]"],"project":null' in said


@BOTH
@pytest.mark.parametrize(
    ("content_type", "body", "shown"),
    [
        ("text/plain", "Ada\u200b\u202e \U000e0041!".encode(), "Ada !"),
        ("text/plain; charset=iso-8859-1", "Grüße".encode("latin-1"), "Grüße"),
        ("application/json", b"[note] Buy \xe2\x80\xaemilk", "[note] Buy milk"),
        ("application/x-ndjson", b'{"a":1}', '{"a":1}'),
        ("image/png", b"PNG", None),
        ("application/json", b"", None),
        ("application/json", b"null", None),
    ],
)
async def test_an_answer_that_is_not_json_is_its_text_without_hidden_characters_a397(
    tmp_path: Path, era: str, content_type: str, body: bytes, shown: str | None
) -> None:
    """A record that an attacker wrote may hold instructions that people can't see."""
    tools = f"""{SINGLE}
  find_first:
    description: Find a person.
    calls: [{{as: owner, tool: get_owner, arguments: {{id: ada}}}}]
"""
    async with a_world(tmp_path, manifest=write_manifest(tmp_path, tools)) as world:
        world.api.answer = answers({"/people/": HttpResponse(200, content_type, body)})
        result = await world.call(era, "find_first")

    assert result["structuredContent"] == {"owner": shown}
    assert orjson.loads(text_of(result)) == {"owner": shown}


async def test_a_connection_that_ends_ends_the_calls_of_a_running_tool_a380(tmp_path: Path) -> None:
    usual = answers()

    class EndsConnection:
        """An API whose first answer comes after the person has ended the connection."""

        paths: list[str] = []  # noqa: RUF012 - one instance

        async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
            self.paths.append(request.url)
            moment = int(world.clock().timestamp())
            news = Revocation(kind="grant", key="grant_1", expires_at=moment + 900)
            await world.feed.announce(news)
            return usual(request)  # type: ignore[no-any-return] # an answer of the API

    api = EndsConnection()
    async with a_world(tmp_path, manifest=write_manifest(tmp_path), upstream=api) as world:
        token = world.token(grant_id="grant_1")
        given = {"project": "p1", "title": "Paint"}
        result = await world.call("new", "plan_task", given, token=token)

    assert "This connection was ended before add_task was called." in text_of(result)
    assert len(api.paths) == 1
    assert world.records[0]["reason"] == "connection_ended"


NUMBERS = """
  list_page:
    description: List tasks of a project.
    calls:
      - {as: project, tool: get_project, arguments: {id: p1}}
      - as: tasks
        tool: list_tasks
        when: {from: project.rate, equals: EQUALS}
        arguments: {limit: {from: project.most}}
"""


@pytest.mark.parametrize(
    ("equals", "answer", "limit"),
    [
        ("1.5", b'{"rate": 1.5, "most": 2.0}', "2"),
        ("1.5", b'{"rate": 1.5, "most": 2.0, "key": "12345678901234567890"}', "2"),
        ("1.5", b'{"rate": 1.5, "most": 18446744073709551615}', "18446744073709551615"),
        ("1", b'{"rate": true, "most": 2}', None),
        ("true", b'{"rate": 1, "most": 2}', None),
        ("1", b'{"rate": 1.0, "most": 2}', "2"),
        ("null", b'{"rate": null, "most": 2}', "2"),
    ],
)
async def test_numbers_of_an_answer_are_passed_on_whatever_else_it_has(
    tmp_path: Path, equals: str, answer: bytes, limit: str | None
) -> None:
    single = SINGLE.replace(", check: {org_id: tenant_id}", "")
    tools = single + NUMBERS.replace("EQUALS", equals)
    async with a_world(tmp_path, manifest=write_manifest(tmp_path, tools)) as world:
        world.api.answer = answers({"/projects/": HttpResponse(200, "application/json", answer)})
        result = await world.call("new", "list_page")

    assert result["isError"] is False, result
    expected = [] if limit is None else [f"/tasks?org_id=org_acme&limit={limit}"]
    assert paths_of(world)[1:] == expected


@BOTH
async def test_a_number_that_can_not_be_passed_on_exactly_is_named(
    tmp_path: Path, era: str
) -> None:
    single = SINGLE.replace(", check: {org_id: tenant_id}", "")
    tools = single + NUMBERS.replace("EQUALS", "1.5")
    async with a_world(tmp_path, manifest=write_manifest(tmp_path, tools)) as world:
        body = b'{"rate": 1.5, "most": 12345678901234567890123}'
        world.api.answer = answers({"/projects/": HttpResponse(200, "application/json", body)})
        result = await world.call(era, "list_page")

    assert "project.most has more digits than can be passed on exactly." in text_of(result)
    assert '"most":12345678901234567890123' in text_of(result)


@BOTH
async def test_answers_that_are_nested_too_deeply_together_end_the_call(
    shop: World, era: str
) -> None:
    deep = b'{"id":"p1","org_id":"org_acme","name":' + b"[" * 252 + b"]" * 252 + b"}"
    shop.api.answer = answers({"/projects/": HttpResponse(200, "application/json", deep)})
    result = await shop.call(era, "plan_task", {"project": "p1", "title": "Paint"})

    assert result["isError"] is True
    assert "nested too deeply" in text_of(result)
    assert shop.records[0]["reason"] != "gateway_error"


@BOTH
async def test_a_person_is_asked_about_the_calls_and_not_only_about_a_name_a381(
    tmp_path: Path, era: str
) -> None:
    """A tool called “Tidy up” may close every task."""
    described = "description: Close all tasks of a project."
    tools = (SINGLE + COMPOSITE).replace(described, f"title: Tidy up\n    {described}")
    manifest = write_manifest(tmp_path, tools)
    can: dict[str, Any] = {"elicitation": {"form": {}}}
    async with a_world(tmp_path, manifest=manifest, confirm_destructive="always") as world:
        params: dict[str, Any] = {"name": "close_tasks", "arguments": {"project": "p1"}}
        headers: dict[str, str] = {}
        if era == "new":
            params["_meta"] = {"io.modelcontextprotocol/clientCapabilities": can}
        else:
            headers = await initialize(world, can)
        async with talking(world, era, "tools/call", params, headers=headers) as talk:
            asked = orjson.dumps(await talk.message()).decode()

    assert "Allow this: Tidy up (List tasks, Close task)?" in asked
    assert world.api.requests == []


# --- the manifest ----------------------------------------------------------------------------------

ONE = "do_it: {description: Do it., calls: [CALL]}"
FAULTS = [
    ("{as: a, tool: list_things}", "calls[0].tool: there is no tool list_things"),
    ("{as: a, tool: summarise_project}", "calls[0].tool: summarise_project makes calls itself"),
    ("{as: input, tool: list_tasks}", "calls[0].as: input is taken"),
    ("{as: a, tool: list_tasks}, {as: a, tool: list_tasks}", "calls[1].as: a is taken"),
    ("{as: a, tool: get_owner}", "calls[0].arguments.id: missing; get_owner requires it"),
    (
        "{as: a, tool: list_tasks, arguments: {org_id: x}}",
        "calls[0].arguments.org_id: list_tasks does not have this argument; it has limit",
    ),
    (
        "{as: a, tool: list_tasks, arguments: {limit: many}}",
        "calls[0].arguments.limit: must be an integer",
    ),
    (
        "{as: a, tool: list_tasks, arguments: {project: {from: b.id}}}",
        "calls[0].arguments.project.from: b is not known here; paths begin with input",
    ),
    (
        "{as: a, tool: list_tasks, arguments: {project: {from: input}}}",
        "calls[0].arguments.project.from: name an argument, such as input.id",
    ),
    (
        "{as: a, tool: list_tasks, arguments: {project: {from: input.x.y}}}",
        "calls[0].arguments.project.from: leads into x, so describe x in `input`",
    ),
    (
        "{as: a, tool: list_tasks, arguments: {project: {from: input.x}, limit: {from: input.x}}}",
        "calls[0].arguments.limit.from: another call has an argument x with another schema",
    ),
    ("{as: a, tool: list_tasks, most: 3}", "calls[0].most: limits `for_each`, which is missing"),
    ("{as: a, tool: list_tasks, for_each: input.ids}", "input.ids: missing; a call depends on it"),
    (
        "{as: a, tool: list_tasks}, {as: b, tool: get_owner, arguments: {id: {from: 'a.items[].id'}}}",
        "calls[1].arguments.id.from: [] is not known here; name a position, such as items.0.id",
    ),
]


@pytest.mark.parametrize(("call", "message"), FAULTS)
def test_calls_that_can_not_be_served_are_named_with_their_fix(
    tmp_path: Path, call: str, message: str
) -> None:
    tools = f"{SINGLE}{COMPOSITE}  {ONE.replace('CALL', call)}\n"
    manifest = write_manifest(tmp_path, tools)

    with pytest.raises(ManifestError) as refused:
        load_catalogue(manifest)

    assert f"{manifest}: tools.do_it.{message}" in str(refused.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("bind: {x: sub}", "bind: can't stand beside `calls`"),
        ("read_only: true", "read_only: can't stand beside `calls`"),
        ("operation: listTasks", ": must have either `operation` or `graphql` or `calls`"),
        ("scope: mcp:read", "scope: mcp:read is for reading; set mcp:write"),
        ("input: {x: {type: string}}", "input.x: no call uses it; remove it"),
        ("result: {x: nothing.a}", "result.x: nothing is not known here"),
        ("result: {x: input.nothing}", "result.x: no argument 'nothing'; it has none"),
        ("result: {x: 5}", "result.x: must be text"),
        (
            "result: {x: a.id}, shape: {redact: [a.id]}",
            "redact: a.id is not in the answer; it has x",
        ),
        ("result: {x: a.id}, shape: {fields: [y]}", "fields: y is not in the answer; it has x"),
        ("input: {x: {type: strng}}", "input.x: is malformed at type: "),
        ("input: {x: {allOf: 5}}", "input.x: is malformed at allOf: "),
        ("input: {x: {pattern: '('}}", "input.x: is malformed at pattern: "),
        ("input: {x: {$ref: '#/y'}}", "input.x: has a $ref; write it out"),
    ],
)
def test_keys_that_contradict_the_calls_are_named(tmp_path: Path, more: str, message: str) -> None:
    tool = f"do_it: {{description: D., {more}, calls: [{{as: a, tool: add_task, arguments: {{title: t, project: p}}}}]}}"
    manifest = write_manifest(tmp_path, f"{SINGLE}  {tool}\n")

    with pytest.raises(ManifestError) as refused:
        load_catalogue(manifest)

    assert message in str(refused.value)


def test_a_list_needs_to_know_what_a_call_costs(tmp_path: Path) -> None:
    tools = (SINGLE + COMPOSITE).replace("    billing: {units: 5}\n", "")
    with pytest.raises(ManifestError, match=r"close_tasks\.billing: missing"):
        load_catalogue(write_manifest(tmp_path, tools))
