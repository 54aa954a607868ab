"""Comments in requests and responses."""

from datetime import datetime

from pydantic import BaseModel, Field

from demo_saas.models import RequestBody
from demo_saas.paging import Page


class Comment(BaseModel):
    """A member's comment on a task."""

    id: str = Field(examples=["cmt_1003"])
    task_id: str = Field(examples=["tsk_1001"])
    author: str = Field(description="The id of the member who wrote it.", examples=["usr_tom"])
    body: str = Field(description="The text, in Markdown.", examples=["Copy is ready for review."])
    created_at: datetime


class CommentPage(Page[Comment]):
    """A page of comments."""


class NewComment(RequestBody):
    """A comment to add."""

    body: str = Field(
        min_length=1,
        max_length=10_000,
        description="The text, in Markdown.",
        examples=["Copy is ready for review."],
    )
