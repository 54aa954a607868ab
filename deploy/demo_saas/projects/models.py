"""Projects in requests and responses."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from demo_saas.models import RequestBody, without_default
from demo_saas.paging import Page

_NAME = "The project's name."
_TEAM = "The id of the team that owns the project."
_DESCRIPTION = "The description, in Markdown."
_TARGET = "When the project should be finished (YYYY-MM-DD)."


class Project(BaseModel):
    """A project, owned by one team."""

    id: str = Field(examples=["prj_website"])
    name: str = Field(description=_NAME, examples=["Website relaunch"])
    team: str = Field(description=_TEAM, examples=["design"])
    description: str | None = Field(description=_DESCRIPTION)
    target_date: date | None = Field(description=_TARGET, examples=["2026-12-15"])
    created_at: datetime
    archived_at: datetime | None = Field(description="When it was archived; null while it is open.")
    open_tasks: int = Field(description="How many of its tasks are not done.", examples=[9])


class ProjectPage(Page[Project]):
    """A page of projects."""


class NewProject(RequestBody):
    """A project to create."""

    name: str = Field(
        min_length=1, max_length=120, description=_NAME, examples=["Website relaunch"]
    )
    team: str = Field(max_length=64, description=_TEAM, examples=["design"])
    description: str | None = Field(default=None, max_length=10_000, description=_DESCRIPTION)
    target_date: date | None = Field(default=None, description=_TARGET, examples=["2026-12-15"])


class ProjectChanges(RequestBody):
    """Changes to a project; omitted fields stay unchanged, and null clears a field."""

    name: str = Field(
        default="",
        min_length=1,
        max_length=120,
        description=_NAME,
        json_schema_extra=without_default,
    )
    team: str = Field(
        default="", max_length=64, description=_TEAM, json_schema_extra=without_default
    )
    description: str | None = Field(
        default=None,
        max_length=10_000,
        description=_DESCRIPTION,
        json_schema_extra=without_default,
    )
    target_date: date | None = Field(
        default=None, description=_TARGET, json_schema_extra=without_default
    )
