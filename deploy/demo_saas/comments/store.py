"""The rows of comments."""

from datetime import datetime

from demo_saas.clock import as_text
from demo_saas.comments.models import Comment, NewComment
from demo_saas.ids import new_id
from demo_saas.paging import Position
from demo_saas.tenancy import Tenant


def list_comments(tenant: Tenant, task_id: str, position: Position) -> list[Comment]:
    """List a task's comments, oldest first, and one beyond the page if there are more."""
    rows = tenant.rows(
        """
        SELECT id, task_id, author, body, created_at FROM comments
        WHERE task_id = :task_id
            AND (:after_id IS NULL OR (created_at, id) > (:after_value, :after_id))
        ORDER BY created_at, id LIMIT :fetch
        """,
        task_id=task_id,
        **position.parameters(),
    )
    return [Comment(**row) for row in map(dict, rows)]


def add_comment(tenant: Tenant, task_id: str, new: NewComment, *, now: datetime) -> Comment:
    """Add a comment by the caller to a task that the caller may see."""
    comment = Comment(
        id=new_id("cmt"), task_id=task_id, author=tenant.user_id, body=new.body, created_at=now
    )
    tenant.rows(
        """
        INSERT INTO main.comments (org_id, id, task_id, author, body, created_at)
        SELECT :org_id, :id, id, :author, :body, :now FROM tasks WHERE id = :task_id
        """,
        **comment.model_dump(exclude={"created_at"}),
        now=as_text(now),
    )
    return comment
