"""Tasks in requests and responses."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from demo_saas.models import RequestBody, without_default
from demo_saas.paging import Page

Label = Annotated[str, Field(min_length=1, max_length=40)]

_TITLE = "The work to do, in one line."
_DESCRIPTION = "Details, in Markdown."
_PRIORITY = "How much it matters."
_ASSIGNEE = "The id of the member who works on it; null if nobody does."
_LABELS = "Free keywords."
_DUE = "The day it is due (YYYY-MM-DD)."
_ESTIMATE = "The expected effort, in story points."


class TaskStatus(StrEnum):
    """Where a task stands."""

    BACKLOG = "backlog"
    TODO = "todo"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    DONE = "done"


class Priority(StrEnum):
    """The priority of a task."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


class Task(BaseModel):
    """A task in a project."""

    id: str = Field(examples=["tsk_1001"])
    project_id: str = Field(examples=["prj_website"])
    team: str = Field(description="The team that owns the task's project.", examples=["design"])
    title: str = Field(description=_TITLE, examples=["Rewrite the pricing page"])
    description: str | None = Field(description=_DESCRIPTION)
    status: TaskStatus
    priority: Priority
    assignee: str | None = Field(description=_ASSIGNEE, examples=["usr_ada"])
    labels: list[str] = Field(description=_LABELS, examples=[["copy", "launch"]])
    due_on: date | None = Field(description=_DUE, examples=["2026-12-01"])
    estimate: int | None = Field(description=_ESTIMATE, examples=[5])
    created_by: str = Field(description="The id of the member who created it.")
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = Field(description="When it was completed, or null.")


class TaskPage(Page[Task]):
    """A page of tasks."""


class NewTask(RequestBody):
    """A task to create."""

    project_id: str = Field(
        max_length=64, description="The id of the task's project.", examples=["prj_website"]
    )
    title: str = Field(
        min_length=1, max_length=200, description=_TITLE, examples=["Rewrite the pricing page"]
    )
    description: str | None = Field(default=None, max_length=10_000, description=_DESCRIPTION)
    status: TaskStatus = Field(default=TaskStatus.TODO, description="Where it starts.")
    priority: Priority = Field(default=Priority.MEDIUM, description=_PRIORITY)
    assignee: str | None = Field(
        default=None, max_length=64, description=_ASSIGNEE, examples=["usr_ada"]
    )
    labels: list[Label] = Field(
        default=[], max_length=20, description=_LABELS, examples=[["copy", "launch"]]
    )
    due_on: date | None = Field(default=None, description=_DUE, examples=["2026-12-01"])
    estimate: int | None = Field(default=None, ge=0, le=100, description=_ESTIMATE, examples=[5])


class TaskChanges(RequestBody):
    """Changes to a task; omitted fields stay unchanged, and null clears a field."""

    title: str = Field(
        default="",
        min_length=1,
        max_length=200,
        description=_TITLE,
        json_schema_extra=without_default,
    )
    description: str | None = Field(
        default=None,
        max_length=10_000,
        description=_DESCRIPTION,
        json_schema_extra=without_default,
    )
    priority: Priority = Field(
        default=Priority.MEDIUM, description=_PRIORITY, json_schema_extra=without_default
    )
    assignee: str | None = Field(
        default=None, max_length=64, description=_ASSIGNEE, json_schema_extra=without_default
    )
    labels: list[Label] = Field(
        default=[],
        max_length=20,
        description="Free keywords; they replace the existing ones.",
        json_schema_extra=without_default,
    )
    due_on: date | None = Field(default=None, description=_DUE, json_schema_extra=without_default)
    estimate: int | None = Field(
        default=None, ge=0, le=100, description=_ESTIMATE, json_schema_extra=without_default
    )


class Transition(RequestBody):
    """A task's move to another status."""

    to: TaskStatus = Field(description="The status to move to.", examples=["in_review"])
    comment: str | None = Field(
        default=None,
        min_length=1,
        max_length=10_000,
        description="A comment to add to the task with the move.",
    )


class QuickTask(RequestBody):
    """A task from a mail-like form."""

    project_id: str = Field(
        max_length=64, description="The id of the task's project.", examples=["prj_website"]
    )
    subject: str = Field(
        min_length=1,
        max_length=200,
        description="Becomes the task's title.",
        examples=["Footer links to the old blog"],
    )
    body: str | None = Field(
        default=None, max_length=10_000, description="Becomes the task's description."
    )
    assign_to: str | None = Field(
        default=None,
        max_length=320,
        description="The email address of the member who works on it.",
        examples=["ada@acme.example"],
    )
    labels: list[Label] = Field(
        default=[],
        max_length=20,
        description="Free keywords; repeat the field for several.",
        examples=[["bug"]],
    )


class SearchHit(BaseModel):
    """A task that contains the words."""

    task: Task
    matched_in: Literal["title", "description", "comment"] = Field(
        description="The first field that contains the words."
    )
    excerpt: str = Field(
        description="The text around the words.", examples=["Rewrite the pricing page"]
    )


class SearchResults(BaseModel):
    """Tasks that contain the words, most recently changed first."""

    items: list[SearchHit]
