"""The rows of tasks."""

import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import date, datetime

from demo_saas.clock import as_text
from demo_saas.errors import NotFound
from demo_saas.ids import new_id
from demo_saas.members.store import require_assignee
from demo_saas.paging import Position
from demo_saas.projects.store import require_open_project
from demo_saas.tasks.models import NewTask, SearchHit, Task, TaskChanges, TaskStatus
from demo_saas.tenancy import Tenant

_EXCERPT = 160


@dataclass(frozen=True, slots=True)
class TaskFilters:
    """Filters for a list of tasks; None and an empty list match every task."""

    status: TaskStatus | None
    project_id: str | None
    team: str | None
    assignee: str | None
    labels: list[str]
    due_before: date | None
    q: str | None


def _task(row: sqlite3.Row) -> Task:
    return Task.model_validate(dict(row) | {"labels": json.loads(row["labels"])})


def list_tasks(tenant: Tenant, position: Position, filters: TaskFilters) -> list[Task]:
    """List tasks, newest first, and one beyond the page if there are more."""
    chosen = asdict(filters) | {
        "labels": json.dumps(filters.labels),
        "due_before": filters.due_before.isoformat() if filters.due_before else None,
    }
    rows = tenant.rows(
        """
        SELECT * FROM tasks
        WHERE (:status IS NULL OR status = :status)
            AND (:project_id IS NULL OR project_id = :project_id)
            AND (:team IS NULL OR team = :team)
            AND (:assignee IS NULL OR assignee = :assignee)
            AND (:due_before IS NULL OR due_on < :due_before)
            AND (:q IS NULL OR instr(lower(title || ' ' || coalesce(description, '')), lower(:q)))
            AND NOT EXISTS (
                SELECT 1 FROM json_each(:labels) AS wanted
                WHERE wanted.value NOT IN (SELECT value FROM json_each(tasks.labels))
            )
            AND (:after_id IS NULL OR (created_at, id) < (:after_value, :after_id))
        ORDER BY created_at DESC, id DESC LIMIT :fetch
        """,
        **chosen,
        **position.parameters(),
    )
    return [_task(row) for row in rows]


def require_task(tenant: Tenant, task_id: str) -> Task:
    """Find a task.

    Raises:
        NotFound: the caller may see no task with this id.
    """
    row = tenant.row("SELECT * FROM tasks WHERE id = :id", id=task_id)
    if row is None:
        raise NotFound(f"There is no task {task_id}.")
    return _task(row)


def add_task(tenant: Tenant, new: NewTask, *, now: datetime) -> Task:
    """Create a task.

    Raises:
        Invalid: the caller may not see the project or the assignee.
        Conflict: the project is archived.
    """
    require_open_project(tenant, new.project_id)
    require_assignee(tenant, new.assignee)
    task_id = new_id("tsk")
    tenant.rows(
        """
        INSERT INTO main.tasks (
            org_id, id, project_id, title, description, status, priority, assignee, labels, due_on,
            estimate, created_by, created_at, updated_at, completed_at
        )
        SELECT :org_id, :id, id, :title, :description, :status, :priority, :assignee, :labels,
            :due_on, :estimate, :created_by, :now, :now, iif(:status = 'done', :now, NULL)
        FROM projects WHERE id = :project_id
        """,
        **new.model_dump(mode="json") | {"labels": json.dumps(new.labels)},
        id=task_id,
        created_by=tenant.user_id,
        now=as_text(now),
    )
    return require_task(tenant, task_id)


def change_task(tenant: Tenant, task_id: str, changes: TaskChanges, *, now: datetime) -> Task:
    """Write the fields that were sent.

    Raises:
        NotFound: there is no such task.
        Invalid: the caller may not see the assignee.
    """
    task = require_task(tenant, task_id)
    if "assignee" in changes.model_fields_set:
        require_assignee(tenant, changes.assignee)
    changed = task.model_dump(mode="json") | changes.model_dump(mode="json", exclude_unset=True)
    tenant.rows(
        """
        UPDATE main.tasks
        SET title = :title, description = :description, priority = :priority,
            assignee = :assignee, labels = :labels, due_on = :due_on, estimate = :estimate,
            updated_at = :now
        WHERE org_id = :org_id AND id IN (SELECT id FROM tasks WHERE id = :id)
        """,
        **changed | {"labels": json.dumps(changed["labels"]), "now": as_text(now)},
    )
    return require_task(tenant, task_id)


def move_task(tenant: Tenant, task_id: str, to: TaskStatus, *, now: datetime) -> Task:
    """Write a task's new status and completion time."""
    tenant.rows(
        """
        UPDATE main.tasks
        SET status = :to, updated_at = :now, completed_at = iif(:to = 'done', :now, NULL)
        WHERE org_id = :org_id AND id IN (SELECT id FROM tasks WHERE id = :id)
        """,
        id=task_id,
        to=to,
        now=as_text(now),
    )
    return require_task(tenant, task_id)


def delete_task(tenant: Tenant, task_id: str) -> Task:
    """Delete a task with its comments and attachments, and return what it was.

    Raises:
        NotFound: there is no such task.
    """
    task = require_task(tenant, task_id)
    tenant.rows(
        """
        DELETE FROM main.tasks
        WHERE org_id = :org_id AND id IN (SELECT id FROM tasks WHERE id = :id)
        """,
        id=task_id,
    )
    return task


def search_tasks(tenant: Tenant, words: str, *, limit: int) -> list[SearchHit]:
    """Find tasks whose title, description or comments contain exactly these words."""
    rows = tenant.rows(
        """
        SELECT tasks.*, min(found.place) AS place, found.text
        FROM tasks JOIN (
            SELECT id AS task_id, 1 AS place, title AS text FROM tasks
            UNION ALL SELECT id, 2, description FROM tasks WHERE description IS NOT NULL
            UNION ALL SELECT task_id, 3, body FROM comments
        ) AS found ON found.task_id = tasks.id
        WHERE instr(lower(found.text), lower(:words))
        GROUP BY tasks.id ORDER BY tasks.updated_at DESC, tasks.id LIMIT :limit
        """,
        words=words,
        limit=limit,
    )
    places = {1: "title", 2: "description", 3: "comment"}
    return [
        SearchHit.model_validate(
            {
                "task": _task(row),
                "matched_in": places[row["place"]],
                "excerpt": _cut_excerpt(row["text"], words),
            }
        )
        for row in rows
    ]


def _cut_excerpt(text: str, words: str) -> str:
    start = max(0, text.lower().find(words.lower()) - _EXCERPT // 4)
    cut = text[start : start + _EXCERPT]
    return f"{'…' if start else ''}{cut}{'…' if start + _EXCERPT < len(text) else ''}"
