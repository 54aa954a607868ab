"""Attachments in responses."""

from datetime import datetime

from pydantic import BaseModel, Field

from demo_saas.paging import Page


class Attachment(BaseModel):
    """A file attached to a task; `downloadAttachment` gives its content."""

    id: str = Field(examples=["att_1001"])
    task_id: str = Field(examples=["tsk_1001"])
    filename: str = Field(examples=["pricing-draft.md"])
    media_type: str = Field(
        description="The media type that the uploader declared.", examples=["text/markdown"]
    )
    size: int = Field(description="The content's length in bytes.", examples=[2048])
    note: str | None = Field(description="The uploader's note.")
    uploaded_by: str = Field(
        description="The id of the member who uploaded it.", examples=["usr_ada"]
    )
    created_at: datetime


class AttachmentPage(Page[Attachment]):
    """A page of attachments."""
