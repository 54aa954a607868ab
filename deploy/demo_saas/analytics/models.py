"""The figures, as they are read."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from demo_saas.tasks.models import TaskStatus


class TeamFigures(BaseModel):
    """One team's share."""

    team: str = Field(examples=["design"])
    open_tasks: int
    overdue_tasks: int


class Summary(BaseModel):
    """How work is going right now."""

    tasks_by_status: dict[TaskStatus, int] = Field(
        description="How many tasks stand where.",
        examples=[{"backlog": 6, "todo": 9, "in_progress": 4, "in_review": 2, "done": 5}],
    )
    overdue_tasks: int = Field(description="Tasks that are not done and were due before today.")
    unassigned_tasks: int = Field(description="Tasks that are not done and nobody works on.")
    completed_last_7_days: int = Field(description="Tasks that became done in the last seven days.")
    teams: list[TeamFigures]


class ProjectDelivery(BaseModel):
    """How far one project has come."""

    project_id: str = Field(examples=["prj_website"])
    name: str = Field(examples=["Website relaunch"])
    team: str = Field(examples=["design"])
    target_date: date | None
    tasks: int
    done: int
    percent_done: int = Field(ge=0, le=100)
    remaining_points: int = Field(description="The sum of the estimates of what is not done.")
    average_days_to_done: float | None = Field(
        description="From creation to done, over the done tasks; null while there is none."
    )


class DeliveryReport(BaseModel):
    """How far each open project has come."""

    generated_at: datetime
    projects: list[ProjectDelivery]
