"""The rows of attachments, content included."""

from demo_saas.clock import as_text
from demo_saas.errors import NotFound
from demo_saas.files.models import Attachment
from demo_saas.paging import Position
from demo_saas.tenancy import Tenant


def list_attachments(tenant: Tenant, task_id: str, position: Position) -> list[Attachment]:
    """List a task's files, oldest first, and one beyond the page if there are more."""
    rows = tenant.rows(
        """
        SELECT id, task_id, filename, media_type, size, note, uploaded_by, created_at
        FROM attachments
        WHERE task_id = :task_id
            AND (:after_id IS NULL OR (created_at, id) > (:after_value, :after_id))
        ORDER BY created_at, id LIMIT :fetch
        """,
        task_id=task_id,
        **position.parameters(),
    )
    return [Attachment(**row) for row in map(dict, rows)]


def add_attachment(tenant: Tenant, attachment: Attachment, content: bytes) -> None:
    """Store a file for a task that the caller may see."""
    tenant.rows(
        """
        INSERT INTO main.attachments (
            org_id, id, task_id, filename, media_type, size, note, uploaded_by, created_at, content
        )
        SELECT :org_id, :id, id, :filename, :media_type, :size, :note, :uploaded_by, :now, :content
        FROM tasks WHERE id = :task_id
        """,
        **attachment.model_dump(exclude={"created_at"}),
        now=as_text(attachment.created_at),
        content=content,
    )


def require_content(tenant: Tenant, attachment_id: str) -> tuple[str, bytes]:
    """Return a file's name and content.

    Raises:
        NotFound: the caller may see no file with this id.
    """
    row = tenant.row("SELECT filename, content FROM attachments WHERE id = :id", id=attachment_id)
    if row is None:
        raise NotFound(f"There is no attachment {attachment_id}.")
    return row["filename"], row["content"]
