"""Two organisations on one API: a connection sees only the rows of one of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from mcp_types import CallToolResult, TextContent

from support.in_process.person import Person
from support.processes.deployment import Connection, Deployment, connect

pytestmark = pytest.mark.whole_machine

EVERY_TASK = "SELECT id, org_id FROM tasks"


async def list_every_task(connection: Connection) -> list[dict[str, Any]]:
    """Page through the tool's answers to the end."""
    tasks: list[dict[str, Any]] = []
    page: dict[str, Any] = {}
    async with connection.client() as client:
        while True:
            answer = await client.call_tool("list_tasks", {"limit": 10, **page})
            assert not answer.is_error, answer
            body = answer.structured_content
            assert body is not None
            tasks += body["items"]
            if body["next_cursor"] is None:
                return tasks
            page = {"cursor": body["next_cursor"]}


def text_of(answer: CallToolResult) -> str:
    """Read the text that the model would read."""
    return "\n".join(block.text for block in answer.content if isinstance(block, TextContent))


async def test_the_same_tool_answers_each_person_with_the_rows_of_the_tenant_they_chose(
    deployment: Deployment, ada: Person, bo: Person
) -> None:
    ada_in_acme = await connect(deployment, ada, tenant="Acme")
    ada_in_globex = await connect(deployment, ada, tenant="Globex")
    bo_in_globex = await connect(deployment, bo)

    acme = {task["id"] for task in await list_every_task(ada_in_acme)}
    globex = {task["id"] for task in await list_every_task(ada_in_globex)}
    of_bo = {task["id"] for task in await list_every_task(bo_in_globex)}

    rows = deployment.rows(EVERY_TASK)
    assert acme == {row["id"] for row in rows if row["org_id"] == "org_acme"}
    assert globex == of_bo == {row["id"] for row in rows if row["org_id"] == "org_globex"}
    assert acme and globex and not acme & globex


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_tasks", {}),
        ("get_task", {"task_id": "tsk_1024"}),
        ("create_task", {"project_id": "prj_pipeline", "title": "Planted"}),
    ],
)
@pytest.mark.parametrize("name", ["tenant_id", "org_id"])
@pytest.mark.parametrize("value", ["org_globex", "org_acme", ["org_acme", "org_globex"]])
async def test_a_model_that_names_a_tenant_is_refused_before_a_request_to_the_api(
    on_sqlite: Deployment,
    ada: Person,
    tool: str,
    arguments: dict[str, Any],
    name: str,
    value: object,
) -> None:
    connection = await connect(on_sqlite, ada, tenant="Acme")
    heard = on_sqlite.api_requests()

    answer = await connection.call(tool, **arguments, **{name: value})

    assert answer.is_error
    assert name in text_of(answer)
    assert on_sqlite.api_requests() == heard
    assert not (await connection.call("get_me")).is_error
    assert on_sqlite.api_requests() == [*heard, "GET /v1/me HTTP/1.1"]
    assert on_sqlite.rows("SELECT * FROM tasks WHERE title = 'Planted'") == []


@pytest.mark.parametrize(
    ("tool", "foreign", "nowhere"),
    [
        ("get_task", {"task_id": "tsk_1024"}, {"task_id": "tsk_9999"}),
        (
            "update_task",
            {"task_id": "tsk_1024", "title": "Taken over"},
            {"task_id": "tsk_9999", "title": "Taken over"},
        ),
        ("delete_task", {"task_id": "tsk_1024"}, {"task_id": "tsk_9999"}),
        ("list_comments", {"task_id": "tsk_1024"}, {"task_id": "tsk_9999"}),
        ("get_project", {"project_id": "prj_pipeline"}, {"project_id": "prj_nowhere1"}),
        ("get_member", {"user_id": "usr_bo"}, {"user_id": "usr_no"}),
        (
            "create_task",
            {"project_id": "prj_pipeline", "title": "Planted"},
            {"project_id": "prj_nowhere1", "title": "Planted"},
        ),
        ("list_tasks", {"project_id": "prj_pipeline"}, {"project_id": "prj_nowhere1"}),
    ],
)
async def test_an_id_of_another_tenant_answers_like_an_id_that_does_not_exist(
    deployment: Deployment,
    ada: Person,
    tool: str,
    foreign: dict[str, str],
    nowhere: dict[str, str],
) -> None:
    connection = await connect(deployment, ada, tenant="Acme", tick=["delete_task"])
    before = deployment.rows("SELECT * FROM tasks WHERE org_id = 'org_globex' ORDER BY id")
    changed = next(name for name in foreign if foreign[name] != nowhere[name])

    theirs = await connection.call(tool, **foreign)
    nobodys = await connection.call(tool, **nowhere)

    assert text_of(theirs).replace(foreign[changed], nowhere[changed]) == text_of(nobodys)
    assert theirs.is_error == nobodys.is_error == (tool != "list_tasks")
    after = deployment.rows("SELECT * FROM tasks WHERE org_id = 'org_globex' ORDER BY id")
    assert after == before


@contextmanager
def a_further_team(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """Put a team with a project and a task into each organisation, behind the API's back."""
    tasks = ("tsk_books_acme", "tsk_books_globex")
    with closing(sqlite3.connect(deployment.folder / "orbit.db")) as db:
        for org in ("org_acme", "org_globex"):
            task = f"tsk_books_{org.removeprefix('org_')}"
            db.execute("INSERT INTO teams VALUES (?, 'finance', 'Finance')", (org,))
            db.execute(
                "INSERT INTO projects (org_id, id, team, name, created_at) "
                "VALUES (?, ?, 'finance', 'Books', '2026-01-01T00:00:00Z')",
                (org, f"prj_books_{org}"),
            )
            db.execute(
                "INSERT INTO tasks SELECT org_id, ?, ?, title, description, status, priority, NULL,"
                " labels, due_on, estimate, created_by, created_at, updated_at, completed_at"
                " FROM tasks WHERE org_id = ? LIMIT 1",
                (task, f"prj_books_{org}", org),
            )
        db.commit()
        try:
            yield tasks
        finally:
            db.execute("DELETE FROM tasks WHERE id LIKE 'tsk_books_%'")
            db.execute("DELETE FROM projects WHERE team = 'finance'")
            db.execute("DELETE FROM teams WHERE id = 'finance'")
            db.commit()


async def test_a_data_scope_keeps_the_rows_of_other_teams_from_a_member_of_the_same_tenant(
    deployment: Deployment, ada: Person, bo: Person
) -> None:
    ada_in_acme = await connect(deployment, ada, tenant="Acme")
    ada_in_globex = await connect(deployment, ada, tenant="Globex")
    bo_in_globex = await connect(deployment, bo)

    with a_further_team(deployment) as (in_acme, in_globex):
        for_ada_in_acme = await list_every_task(ada_in_acme)
        for_ada_in_globex = await list_every_task(ada_in_globex)
        for_bo = await list_every_task(bo_in_globex)
        asked_for = await ada_in_acme.call("get_task", task_id=in_acme)

    assert {task["team"] for task in for_ada_in_acme} == {"design", "engineering"}
    assert {task["team"] for task in for_ada_in_globex} == {"sales"}
    assert asked_for.is_error
    # Bo's membership has no data scope, so he shows that the rows exist.
    assert in_globex in {task["id"] for task in for_bo}
