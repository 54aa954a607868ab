"""List, read, create, change, move, delete and search tasks."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query

from demo_saas.clock import as_text
from demo_saas.comments.models import NewComment
from demo_saas.comments.store import add_comment
from demo_saas.members.store import find_member_by_email
from demo_saas.openapi import describes
from demo_saas.paging import AtPosition, cut_page
from demo_saas.resources import Opened
from demo_saas.tasks import store
from demo_saas.tasks.models import (
    NewTask,
    QuickTask,
    SearchResults,
    Task,
    TaskChanges,
    TaskPage,
    TaskStatus,
    Transition,
)
from demo_saas.tasks.transitions import require_transition
from demo_saas.tenancy import InTenant
from demo_saas.webhooks.tell import Telling

router = APIRouter(tags=["Tasks"], responses=describes(401, 403, 404, 422))

TaskId = Annotated[str, Path(description="The task's id.", examples=["tsk_1001"])]


@router.get("/tasks", response_model=TaskPage)
def list_tasks(  # noqa: PLR0913 - one for each filter
    tenant: InTenant,
    position: AtPosition,
    status: Annotated[TaskStatus | None, Query(description="Only tasks with this status.")] = None,
    project_id: Annotated[
        str | None, Query(description="Only tasks of this project.", examples=["prj_website"])
    ] = None,
    team: Annotated[
        str | None, Query(description="Only tasks of this team.", examples=["design"])
    ] = None,
    assignee: Annotated[
        str | None,
        Query(
            description="Only tasks of this member: an id, or `me` for the caller.",
            examples=["me"],
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        Query(description="Only tasks with all of these labels.", examples=[["bug"]]),
    ] = None,
    due_before: Annotated[
        date | None, Query(description="Only tasks due before this day (YYYY-MM-DD).")
    ] = None,
    q: Annotated[
        str | None,
        Query(max_length=200, description="Only tasks with this text in title or description."),
    ] = None,
) -> dict[str, Any]:
    """List the organisation's tasks, newest first. A task must match every filter."""
    filters = store.TaskFilters(
        status=status,
        project_id=project_id,
        team=team,
        assignee=tenant.user_id if assignee == "me" else assignee,
        labels=labels or [],
        due_before=due_before,
        q=q,
    )
    tasks = store.list_tasks(tenant, position, filters)
    return cut_page(tasks, position, lambda task: (as_text(task.created_at), task.id))


@router.post("/tasks", status_code=201, responses=describes(409))
def create_task(tenant: InTenant, new: NewTask, opened: Opened) -> Task:
    """Create a task in a project."""
    return store.add_task(tenant, new, now=opened.now())


@router.post("/tasks/quick-add", status_code=201, responses=describes(409))
def quick_add_task(tenant: InTenant, form: Annotated[QuickTask, Form()], opened: Opened) -> Task:
    """Create a task from a mail-like form: a subject, a text, and an email address to assign to.

    The task starts in the backlog with medium priority.
    """
    assignee = find_member_by_email(tenant, form.assign_to) if form.assign_to else None
    new = NewTask(
        project_id=form.project_id,
        title=form.subject,
        description=form.body,
        status=TaskStatus.BACKLOG,
        assignee=assignee,
        labels=form.labels,
    )
    return store.add_task(tenant, new, now=opened.now())


@router.get("/tasks/{task_id}")
def get_task(tenant: InTenant, task_id: TaskId) -> Task:
    """Get one task. Its discussion is in `listComments`, its files are in `listAttachments`."""
    return store.require_task(tenant, task_id)


@router.patch("/tasks/{task_id}")
def update_task(
    tenant: InTenant, task_id: TaskId, changes: TaskChanges, opened: Opened, tell: Telling
) -> Task:
    """Change a task's fields, except its status (see `transitionTask`).

    Send only changed fields. Null clears the description, assignee, due day or estimate.
    """
    task = store.change_task(tenant, task_id, changes, now=opened.now())
    tell("task.updated", tenant, task)
    return task


@router.delete("/tasks/{task_id}", status_code=204)
def delete_task(tenant: InTenant, task_id: TaskId, tell: Telling) -> None:
    """Delete a task with its comments and attachments. This can't be undone."""
    tell("task.deleted", tenant, store.delete_task(tenant, task_id))


@router.post("/tasks/{task_id}/transitions", responses=describes(409))
def transition_task(
    tenant: InTenant, task_id: TaskId, transition: Transition, opened: Opened, tell: Telling
) -> Task:
    """Move a task to another status, with an optional comment.

    A task moves along backlog, todo, in_progress, in_review, done, and may step back by one. Work
    in progress may be done without review; a done task reopens as in_progress.
    """
    task = store.require_task(tenant, task_id)
    require_transition(task.status, transition.to)
    if transition.comment is not None:
        add_comment(tenant, task_id, NewComment(body=transition.comment), now=opened.now())
    task = store.move_task(tenant, task_id, transition.to, now=opened.now())
    tell("task.updated", tenant, task)
    return task


@router.get("/search")
def search_tasks(
    tenant: InTenant,
    q: Annotated[
        str,
        Query(
            min_length=2,
            max_length=200,
            description="The exact words to find, in any case.",
            examples=["pricing page"],
        ),
    ],
    limit: Annotated[int, Query(ge=1, le=50, description="The maximum number of tasks.")] = 10,
) -> SearchResults:
    """Search tasks by words in their title, description or comments, last changed first."""
    return SearchResults(items=store.search_tasks(tenant, q, limit=limit))
