"""Read and add to the discussion below a task."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from demo_saas.clock import as_text
from demo_saas.comments import store
from demo_saas.comments.models import Comment, CommentPage, NewComment
from demo_saas.openapi import describes
from demo_saas.paging import AtPosition, cut_page
from demo_saas.resources import Opened
from demo_saas.tasks.store import require_task
from demo_saas.tenancy import InTenant

router = APIRouter(tags=["Comments"], responses=describes(401, 403, 404, 422))

TaskId = Annotated[str, Path(description="The task's id.", examples=["tsk_1001"])]


@router.get("/tasks/{task_id}/comments", response_model=CommentPage)
def list_comments(tenant: InTenant, task_id: TaskId, position: AtPosition) -> dict[str, Any]:
    """List the comments on a task, oldest first."""
    require_task(tenant, task_id)
    comments = store.list_comments(tenant, task_id, position)
    return cut_page(comments, position, lambda comment: (as_text(comment.created_at), comment.id))


@router.post("/tasks/{task_id}/comments", status_code=201)
def add_comment(tenant: InTenant, task_id: TaskId, new: NewComment, opened: Opened) -> Comment:
    """Add a comment by the caller to a task."""
    require_task(tenant, task_id)
    return store.add_comment(tenant, task_id, new, now=opened.now())
