"""A team's daily work: find, create, change, move, discuss and delete tasks."""

from typing import Any

import pytest

ACME = "/v1/orgs/org_acme"


def _titles(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [task["title"] for task in answer.json()["items"]]


def test_a_task_is_created_read_and_changed(ada: Any) -> None:
    new = {
        "project_id": "prj_website",
        "title": "Check the sitemap",
        "assignee": "usr_tom",
        "labels": ["seo"],
        "due_on": "2026-12-01",
        "estimate": 2,
    }
    created = ada.post(f"{ACME}/tasks", json=new)
    assert created.status_code == 201
    task = created.json()
    assert task | new == task
    assert (task["status"], task["priority"], task["team"]) == ("todo", "medium", "design")
    assert task["created_at"] == "2026-11-02T09:00:00Z"

    path = f"{ACME}/tasks/{task['id']}"
    assert ada.get(path).json() == task
    changed = ada.patch(path, json={"title": "Check both sitemaps", "assignee": None})
    assert changed.json() == task | {"title": "Check both sitemaps", "assignee": None}


def test_null_clears_optional_fields_and_omitted_fields_stay(ada: Any) -> None:
    path = f"{ACME}/tasks/tsk_1001"
    before = ada.get(path).json()
    emptied = {"assignee": None, "due_on": None, "estimate": None, "description": None}
    after = ada.patch(path, json=emptied).json()
    assert after == before | emptied | {"updated_at": after["updated_at"]}
    for field in ("title", "priority", "labels"):
        refused = ada.patch(path, json={field: None})
        assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert ada.patch(path, json={}).json() == after


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=in_review", {"Draw the empty states", "Move nightly backups to the second region"}),
        ("assignee=usr_tom&status=todo&labels=bug&labels=accessibility", {
            "Contrast of buttons fails the accessibility audit"
        }),
        ("labels=bug&team=design", {
            "Footer links lead to the old blog",
            "Contrast of buttons fails the accessibility audit",
        }),
        ("q=BACKUP", {
            "Move nightly backups to the second region",
            "Rehearse restoring from a backup",
        }),
        ("project_id=prj_brand", {"Retire the old logo", "Write the voice guide"}),
        ("due_before=2026-10-31&status=todo", {"Footer links lead to the old blog",
         "Rehearse restoring from a backup"}),
        ("q=%25", set()),
        ("labels=none", set()),
    ],
)  # fmt: skip
def test_filters_narrow_the_list_together(ada: Any, query: str, expected: set[str]) -> None:
    assert set(_titles(ada.get(f"{ACME}/tasks?{query}"))) == expected


def test_me_as_assignee_is_the_person_who_asks(orbit: Any) -> None:
    caller = orbit.through_gateway("usr_ada", "org_globex")
    tasks = caller.get("/v1/orgs/org_globex/tasks?assignee=me").json()["items"]
    assert {task["assignee"] for task in tasks} == {"usr_ada"}
    assert len(tasks) == 2


def test_a_task_moves_along_the_board_with_a_comment(ada: Any) -> None:
    path = f"{ACME}/tasks/tsk_1004"
    done = ada.post(f"{path}/transitions", json={"to": "done", "comment": "Lovely."})
    assert done.status_code == 200
    assert (done.json()["status"], done.json()["completed_at"]) == ("done", "2026-11-02T09:00:00Z")
    comments = ada.get(f"{path}/comments").json()["items"]
    assert (comments[-1]["author"], comments[-1]["body"]) == ("usr_ada", "Lovely.")
    reopened = ada.post(f"{path}/transitions", json={"to": "in_progress"}).json()
    assert reopened["completed_at"] is None


def test_a_move_that_the_board_does_not_know_says_where_the_task_may_go(ada: Any) -> None:
    path = f"{ACME}/tasks/tsk_1002"
    before = ada.get(path).json()
    refused = ada.post(f"{path}/transitions", json={"to": "done", "comment": "Skip it."})
    assert refused.status_code == 409
    assert refused.json()["detail"].endswith("it can become: backlog, in_progress.")
    assert ada.get(path).json() == before
    assert ada.get(f"{path}/comments").json()["items"] == []


def test_a_deleted_task_is_gone_with_its_comments_and_files(ada: Any) -> None:
    path = f"{ACME}/tasks/tsk_1001"
    file = ada.post(f"{path}/attachments", files={"file": ("a.txt", b"a")}).json()["id"]
    assert len(ada.get(f"{path}/comments").json()["items"]) == 3
    deleted = ada.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert ada.get(path).status_code == 404
    assert ada.delete(path).status_code == 404
    assert ada.get(f"{ACME}/attachments/{file}/content").status_code == 404
    assert ada.get(f"{ACME}/search?q=phones").json() == {"items": []}


def test_search_finds_words_in_titles_descriptions_and_comments(ada: Any) -> None:
    ada.patch(f"{ACME}/tasks/tsk_1002", json={"description": "x" * 200 + " Telescope " + "y" * 200})
    hits = ada.get(f"{ACME}/search?q=telescope").json()["items"]
    assert [(hit["task"]["id"], hit["matched_in"]) for hit in hits] == [
        ("tsk_1002", "description"),
        ("tsk_1004", "comment"),
    ]
    assert hits[0]["excerpt"].startswith("…x")
    assert "Telescope" in hits[0]["excerpt"]
    assert hits[1]["excerpt"] == "Could the telescope look less sad?"
    assert len(ada.get(f"{ACME}/search?q=the&limit=2").json()["items"]) == 2


def test_a_comment_is_added_in_the_persons_name(orbit: Any) -> None:
    path = f"{ACME}/tasks/tsk_1002/comments"
    added = orbit.through_gateway("usr_tom").post(path, json={"body": "On it."})
    assert added.status_code == 201
    assert added.json()["author"] == "usr_tom"
    assert orbit.through_gateway().get(path).json()["items"] == [added.json()]


def test_a_task_arrives_by_form(ada: Any) -> None:
    form = {
        "project_id": "prj_website",
        "subject": "Footer & header",
        "body": "Both are ü",
        "assign_to": "Tom@acme.example",
        "labels": ["bug", "layout"],
    }
    added = ada.post(f"{ACME}/tasks/quick-add", data=form)
    assert added.status_code == 201, added.text
    task = added.json()
    assert (task["title"], task["description"]) == ("Footer & header", "Both are ü")
    assert (task["assignee"], task["labels"]) == ("usr_tom", ["bug", "layout"])
    assert (task["status"], task["priority"]) == ("backlog", "medium")


def test_a_form_is_covered_by_the_assertion(orbit: Any) -> None:
    form = {"project_id": "prj_website", "subject": "By form"}
    added = orbit.through_gateway().post(f"{ACME}/tasks/quick-add", data=form)
    assert added.status_code == 201, added.text
    forged = orbit.through_gateway(body_sha256="A" * 43)
    assert forged.post(f"{ACME}/tasks/quick-add", data=form).status_code == 401


def test_a_form_can_not_be_assigned_to_a_stranger(ada: Any) -> None:
    form = {"project_id": "prj_website", "subject": "Hi", "assign_to": "bo@globex.example"}
    refused = ada.post(f"{ACME}/tasks/quick-add", data=form)
    assert [error["field"] for error in refused.json()["errors"]] == ["assign_to"]


def test_projects_are_created_changed_and_archived(orbit: Any, ada: Any) -> None:
    new = {"name": "Customer portal", "team": "engineering", "target_date": "2027-03-01"}
    created = ada.post(f"{ACME}/projects", json=new)
    assert created.status_code == 201
    project = created.json()
    assert project | new == project
    path = f"{ACME}/projects/{project['id']}"
    changed = ada.patch(path, json={"team": "design", "target_date": None}).json()
    assert changed == project | {"team": "design", "target_date": None}

    archived = ada.post(f"{path}/archive").json()
    assert archived["archived_at"] == "2026-11-02T09:00:00Z"
    names = [item["name"] for item in ada.get(f"{ACME}/projects").json()["items"]]
    assert "Customer portal" not in names
    task = {"project_id": project["id"], "title": "Too late"}
    assert ada.post(f"{ACME}/tasks", json=task).status_code == 409


def test_figures_add_up(ada: Any) -> None:
    summary = ada.get(f"{ACME}/analytics/summary").json()
    tasks = ada.get(f"{ACME}/tasks?limit=100").json()["items"]
    for status, number in summary["tasks_by_status"].items():
        assert number == sum(task["status"] == status for task in tasks)
    overdue = [t for t in tasks if t["status"] != "done" and (t["due_on"] or "9") < "2026-11-02"]
    assert summary["overdue_tasks"] == len(overdue) == 4
    assert sum(team["overdue_tasks"] for team in summary["teams"]) == 4
    lately = [t for t in tasks if (t["completed_at"] or "") >= "2026-10-26T09:00:00"]
    assert summary["completed_last_7_days"] == len(lately) > 0
    assert summary["unassigned_tasks"] == sum(
        task["assignee"] is None and task["status"] != "done" for task in tasks
    )


def test_the_delivery_report_takes_its_time(orbit: Any, ada: Any) -> None:
    path = f"{ACME}/analytics/delivery-report"
    report = ada.get(path).json()
    assert ada.get(f"{path}?delay=0.5").status_code == 200
    assert orbit.slept == [3.0, 0.5]
    website = next(p for p in report["projects"] if p["project_id"] == "prj_website")
    assert (website["tasks"], website["done"], website["percent_done"]) == (9, 2, 22)
    assert website["remaining_points"] == 23
    assert "prj_brand" not in {project["project_id"] for project in report["projects"]}
    assert ada.get(f"{path}?delay=31").status_code == 422
