"""No tenant sees another's rows, and a data scope shows only its teams."""

import re
from pathlib import Path
from typing import Any

import pytest

import demo_saas
from demo_saas.database import connect

LISTS = ("projects", "tasks", "members", "search?q=the", "analytics/summary")
ACME, GLOBEX = "/v1/orgs/org_acme", "/v1/orgs/org_globex"


def _names(answer: Any, field: str) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {item[field] for item in answer.json()["items"]}


def test_each_organisation_shows_its_own_projects(orbit: Any) -> None:
    acme = _names(orbit.through_gateway("usr_ada", "org_acme").get(f"{ACME}/projects"), "name")
    globex = _names(orbit.through_gateway("usr_bo", "org_globex").get(f"{GLOBEX}/projects"), "name")
    assert "Website relaunch" in acme
    assert "Q4 pipeline" in globex
    assert not acme & globex


def test_each_organisation_shows_its_own_tasks_comments_and_members(ada: Any, bo: Any) -> None:
    assert len(_names(ada.get(f"{ACME}/tasks?limit=100"), "id")) == 23
    assert len(_names(bo.get(f"{GLOBEX}/tasks?limit=100"), "id")) == 17
    assert _names(ada.get(f"{ACME}/members"), "id") == {"usr_ada", "usr_priya", "usr_tom"}
    assert _names(bo.get(f"{GLOBEX}/members"), "id") == {"usr_ada", "usr_bo", "usr_lena"}
    assert ada.get(f"{ACME}/search?q=northwind").json() == {"items": []}
    assert len(bo.get(f"{GLOBEX}/search?q=northwind").json()["items"]) == 1


@pytest.mark.parametrize("path", LISTS)
def test_an_organisation_without_membership_looks_like_an_unknown_one(bo: Any, path: str) -> None:
    foreign = bo.get(f"{ACME}/{path}")
    missing = bo.get(f"/v1/orgs/org_none/{path}")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.text == missing.text.replace("org_none", "org_acme")


@pytest.mark.parametrize("path", LISTS)
def test_an_assertion_for_one_tenant_opens_no_other_even_for_a_member_of_both(
    orbit: Any, path: str
) -> None:
    ada_in_acme = orbit.through_gateway("usr_ada", "org_acme")
    assert ada_in_acme.get(f"{ACME}/{path}").status_code == 200
    assert ada_in_acme.get(f"{GLOBEX}/{path}").status_code == 404


def test_an_assertion_for_a_person_who_is_not_a_member_is_refused(orbit: Any) -> None:
    bo_in_acme = orbit.through_gateway("usr_bo", "org_acme")
    assert bo_in_acme.get(f"{ACME}/tasks").status_code == 404
    assert bo_in_acme.get("/v1/me").status_code == 403
    assert orbit.through_gateway("usr_nobody", "org_acme").get(f"{ACME}/tasks").status_code == 401


_COPY_ACME_INTO_GLOBEX = """
INSERT INTO teams SELECT 'org_globex', id, name FROM teams WHERE org_id = 'org_acme';
INSERT INTO team_members VALUES ('org_globex', 'usr_bo', 'design');
INSERT INTO projects SELECT 'org_globex', id, team, 'Copy', description, target_date, created_at,
    archived_at FROM projects WHERE org_id = 'org_acme';
INSERT INTO tasks SELECT 'org_globex', id, project_id, 'Copy', description, status, priority, NULL,
    labels, due_on, estimate, created_by, created_at, updated_at, completed_at
    FROM tasks WHERE org_id = 'org_acme';
INSERT INTO comments SELECT 'org_globex', id, task_id, author, 'Copy', created_at
    FROM comments WHERE org_id = 'org_acme';
INSERT INTO attachments SELECT 'org_globex', id, task_id, 'Copy', media_type, size, note,
    uploaded_by, created_at, x'00' FROM attachments WHERE org_id = 'org_acme';
"""


def _read_everything(caller: Any, base: str) -> list[Any]:
    paths = (
        *("projects?include_archived=true", "projects/prj_website", "members", "members/usr_ada"),
        *("tasks?limit=100", "tasks?team=design&limit=100", "tasks/tsk_1001", "search?q=the"),
        *("tasks/tsk_1001/comments", "tasks/tsk_1001/attachments", "attachments/att_1001/content"),
        *("analytics/summary", "analytics/delivery-report"),
    )
    return [caller.get(f"{base}/{path}").text for path in paths]


@pytest.mark.parametrize("data_scope", ["", "team:design"])
def test_rows_with_the_same_ids_in_another_organisation_change_nothing(
    orbit: Any, data_scope: str
) -> None:
    ada = orbit.through_gateway(data_scope=data_scope)
    before = _read_everything(ada, ACME)
    connection = connect(orbit.database)
    connection.executescript(_COPY_ACME_INTO_GLOBEX)
    assert _read_everything(ada, ACME) == before

    bo = orbit.through_gateway("usr_bo", "org_globex", data_scope)
    assert bo.get(f"{GLOBEX}/tasks/tsk_1001").json()["title"] == "Copy"
    for method, path, body in (
        ("PATCH", "tasks/tsk_1001", {"title": "Bo's"}),
        ("PATCH", "projects/prj_website", {"name": "Bo's"}),
        ("POST", "projects/prj_website/archive", None),
        ("POST", "tasks/tsk_1001/transitions", {"to": "done"}),
        ("POST", "tasks/tsk_1001/comments", {"body": "Bo's"}),
        ("DELETE", "tasks/tsk_1001", None),
    ):
        assert bo.request(method, f"{GLOBEX}/{path}", json=body).is_success
    assert _read_everything(ada, ACME) == before
    connection.close()


def _touch_everything(caller: Any, base: str, task: str, project: str, file: str) -> list[int]:
    return [
        caller.get(f"{base}/projects/{project}").status_code,
        caller.patch(f"{base}/projects/{project}", json={"name": "Mine"}).status_code,
        caller.post(f"{base}/projects/{project}/archive").status_code,
        caller.get(f"{base}/tasks/{task}").status_code,
        caller.patch(f"{base}/tasks/{task}", json={"title": "Mine"}).status_code,
        caller.post(f"{base}/tasks/{task}/transitions", json={"to": "done"}).status_code,
        caller.get(f"{base}/tasks/{task}/comments").status_code,
        caller.post(f"{base}/tasks/{task}/comments", json={"body": "Hello"}).status_code,
        caller.get(f"{base}/tasks/{task}/attachments").status_code,
        caller.post(f"{base}/tasks/{task}/attachments", files={"file": ("a", b"a")}).status_code,
        caller.get(f"{base}/attachments/{file}/content").status_code,
        caller.delete(f"{base}/tasks/{task}").status_code,
    ]


def test_another_tenants_rows_can_neither_be_read_nor_changed_by_their_ids(
    ada: Any, bo: Any
) -> None:
    task = f"{ACME}/tasks/tsk_1001"
    upload = ada.post(f"{task}/attachments", files={"file": ("plan.txt", b"secret")})
    file = upload.json()["id"]
    before = [ada.get(task).json(), ada.get(f"{ACME}/projects/prj_website").json()]

    # Ada is in Globex as well, but the path's organisation counts.
    for caller in (ada, bo):
        statuses = _touch_everything(caller, GLOBEX, "tsk_1001", "prj_website", file)
        assert statuses == [404] * len(statuses)

    assert [ada.get(task).json(), ada.get(f"{ACME}/projects/prj_website").json()] == before
    assert ada.get(f"{ACME}/attachments/{file}/content").content == b"secret"


def test_a_new_task_can_not_refer_to_another_tenants_project_or_person(ada: Any) -> None:
    foreign_project = {"project_id": "prj_website", "title": "Here"}
    foreign_person = {"project_id": "prj_pipeline", "title": "Here", "assignee": "usr_tom"}
    for body, field in ((foreign_project, "project_id"), (foreign_person, "assignee")):
        refused = ada.post(f"{GLOBEX}/tasks", json=body)
        assert refused.status_code == 422
        assert [error["field"] for error in refused.json()["errors"]] == [field]


def test_a_data_scope_shows_only_its_teams(orbit: Any) -> None:
    designer = orbit.through_gateway(data_scope="team:design")
    assert _names(designer.get(f"{ACME}/projects?include_archived=true"), "team") == {"design"}
    assert _names(designer.get(f"{ACME}/tasks?limit=100"), "team") == {"design"}
    assert _names(designer.get(f"{ACME}/members"), "id") == {"usr_ada", "usr_tom"}
    assert designer.get(f"{ACME}/members/usr_ada").json()["teams"] == ["design"]
    assert designer.get("/v1/me").json()["organisations"][0]["teams"] == ["design"]
    assert designer.get(f"{ACME}/search?q=backup").json() == {"items": []}
    summary = designer.get(f"{ACME}/analytics/summary").json()
    assert [team["team"] for team in summary["teams"]] == ["design"]
    assert sum(summary["tasks_by_status"].values()) == 11
    report = designer.get(f"{ACME}/analytics/delivery-report").json()
    assert {project["team"] for project in report["projects"]} == {"design"}


def test_a_data_scope_hides_other_teams_rows_from_reading_and_writing(orbit: Any, ada: Any) -> None:
    task = f"{ACME}/tasks/tsk_1012"
    file = ada.post(f"{task}/attachments", files={"file": ("log", b"x")}).json()["id"]
    before = ada.get(task).json()
    designer = orbit.through_gateway(data_scope="team:design")
    statuses = _touch_everything(designer, ACME, "tsk_1012", "prj_mobile", file)
    assert statuses == [404] * len(statuses)
    assert ada.get(task).json() == before


def test_a_data_scope_keeps_new_rows_within_its_teams(orbit: Any) -> None:
    designer = orbit.through_gateway(data_scope="team:design")
    for path, body in (
        ("projects", {"name": "Ours", "team": "engineering"}),
        ("tasks", {"project_id": "prj_mobile", "title": "Ours"}),
        ("tasks", {"project_id": "prj_website", "title": "Ours", "assignee": "usr_priya"}),
    ):
        assert designer.post(f"{ACME}/{path}", json=body).status_code == 422
    moved = designer.patch(f"{ACME}/projects/prj_website", json={"team": "engineering"})
    assert moved.status_code == 422


def test_a_report_belongs_to_the_person_who_began_it_and_to_its_data_scope(
    orbit: Any, ada: Any, bo: Any
) -> None:
    whole = ada.post(f"{ACME}/reports", json={"delay": 0}).json()["id"]
    designer = orbit.through_gateway(data_scope="team:design")
    design = designer.post(f"{ACME}/reports", json={"delay": 0}).json()["id"]
    both = orbit.through_gateway(data_scope="team:design team:engineering")
    colleague = orbit.through_gateway("usr_priya")
    for caller, base, statuses in (
        (ada, ACME, (200, 200)),
        (both, ACME, (404, 200)),
        (designer, ACME, (404, 200)),
        (orbit.through_gateway(data_scope="team:engineering"), ACME, (404, 404)),
        (colleague, ACME, (404, 404)),
        (bo, GLOBEX, (404, 404)),
        (ada, GLOBEX, (404, 404)),
    ):
        for report, status in zip((whole, design), statuses, strict=True):
            path = f"{base}/reports/{report}"
            assert caller.get(path).status_code == status
            assert caller.get(f"{path}/result").status_code == status
            assert caller.delete(path).status_code == status


def test_several_teams_of_a_data_scope_are_a_union(orbit: Any) -> None:
    both = orbit.through_gateway(data_scope="team:design team:engineering")
    assert _names(both.get(f"{ACME}/tasks?limit=100"), "team") == {"design", "engineering"}


def test_a_data_scope_of_an_unknown_team_shows_nothing(orbit: Any) -> None:
    nobody = orbit.through_gateway(data_scope="team:sales")
    for path in ("projects", "tasks", "members"):
        assert nobody.get(f"{ACME}/{path}").json()["items"] == []


@pytest.mark.parametrize("data_scope", ["region:eu", "team:design region:eu", "team:", "design"])
def test_a_data_scope_that_orbit_can_not_keep_shows_nothing(orbit: Any, data_scope: str) -> None:
    answer = orbit.through_gateway(data_scope=data_scope).get(f"{ACME}/tasks")
    assert answer.status_code == (403 if "region:eu" in data_scope else 401)
    assert answer.headers["content-type"] == "application/problem+json"


def test_only_the_tenancy_module_reads_unfiltered_tenant_tables() -> None:
    """Elsewhere, `main.` only names the target of a write."""
    folder = Path(demo_saas.__path__[0])
    stores = [path for path in folder.rglob("store.py") if path.parent.name != "accounts"]
    assert len(stores) == 7
    for store in stores:
        text = store.read_text()
        writes = re.findall(r"(?:INSERT INTO|UPDATE|DELETE FROM) main\.\w+", text)
        assert text.count("main.") == len(writes), store
        assert "connection" not in text, store
