"""Attach files to tasks, and download them."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Path, Response, UploadFile

from demo_saas.clock import as_text
from demo_saas.errors import TooLarge, invalid_field
from demo_saas.files import store
from demo_saas.files.models import Attachment, AttachmentPage
from demo_saas.ids import new_id
from demo_saas.openapi import describes
from demo_saas.paging import AtPosition, cut_page
from demo_saas.resources import Opened
from demo_saas.tasks.store import require_task
from demo_saas.tenancy import InTenant

MAX_FILE = 5 * 1024 * 1024

router = APIRouter(tags=["Files"], responses=describes(401, 403, 404, 422))

TaskId = Annotated[str, Path(description="The task's id.", examples=["tsk_1001"])]


@router.get("/tasks/{task_id}/attachments", response_model=AttachmentPage)
def list_attachments(tenant: InTenant, task_id: TaskId, position: AtPosition) -> dict[str, Any]:
    """List the files attached to a task, oldest first."""
    require_task(tenant, task_id)
    files = store.list_attachments(tenant, task_id, position)
    return cut_page(files, position, lambda file: (as_text(file.created_at), file.id))


@router.post("/tasks/{task_id}/attachments", status_code=201, responses=describes(413))
def upload_attachment(
    tenant: InTenant,
    task_id: TaskId,
    file: Annotated[UploadFile, File(description="The file, at most 5 MiB.")],
    opened: Opened,
    note: Annotated[str | None, Form(max_length=500, description="A note about the file.")] = None,
) -> Attachment:
    """Attach a file of at most 5 MiB to a task, with an optional note."""
    require_task(tenant, task_id)
    if not file.filename:
        raise invalid_field("body", "file", "send a filename with the file")
    content = file.file.read()
    if len(content) > MAX_FILE:
        raise TooLarge(f"A file may have at most {MAX_FILE} bytes.")
    attachment = Attachment(
        id=new_id("att"),
        task_id=task_id,
        filename=file.filename,
        media_type=file.content_type or "application/octet-stream",
        size=len(content),
        note=note,
        uploaded_by=tenant.user_id,
        created_at=opened.now(),
    )
    store.add_attachment(tenant, attachment, content)
    return attachment


class _Download(Response):
    """A download that browsers don't display: another person's file may contain a script."""

    media_type = "application/octet-stream"


@router.get(
    "/attachments/{attachment_id}/content",
    response_class=_Download,
    responses={200: {"description": "The file's bytes."}},
)
def download_attachment(
    tenant: InTenant,
    attachment_id: Annotated[str, Path(description="The attachment's id.", examples=["att_1001"])],
) -> Response:
    """Download an attachment's unchanged content. `listAttachments` gives the ids."""
    filename, content = store.require_content(tenant, attachment_id)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    return _Download(content, headers=headers)
