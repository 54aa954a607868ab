"""The responses with figures."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from demo_saas.tasks.models import TaskStatus


class TeamFigures(BaseModel):
    """One team's share."""

    team: str = Field(examples=["design"])
    open_tasks: int
    overdue_tasks: int


class Summary(BaseModel):
    """The current state of work."""

    tasks_by_status: dict[TaskStatus, int] = Field(
        description="The number of tasks by status.",
        examples=[{"backlog": 6, "todo": 9, "in_progress": 4, "in_review": 2, "done": 5}],
    )
    overdue_tasks: int = Field(description="Tasks that are not done and were due before today.")
    unassigned_tasks: int = Field(description="Tasks that are not done and have no assignee.")
    completed_last_7_days: int = Field(description="Tasks completed in the last seven days.")
    teams: list[TeamFigures]


class ProjectDelivery(BaseModel):
    """The progress of one project."""

    project_id: str = Field(examples=["prj_website"])
    name: str = Field(examples=["Website relaunch"])
    team: str = Field(examples=["design"])
    target_date: date | None
    tasks: int
    done: int
    percent_done: int = Field(ge=0, le=100)
    remaining_points: int = Field(description="The sum of the open tasks' estimates.")
    average_days_to_done: float | None = Field(
        description="The average time from creation to completion; null without completed tasks."
    )


class DeliveryReport(BaseModel):
    """The progress of each open project."""

    generated_at: datetime
    projects: list[ProjectDelivery]
