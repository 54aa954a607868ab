"""The requests and responses about reports."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field

from demo_saas.models import RequestBody


class ReportState(StrEnum):
    """How far a report is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class NewReport(RequestBody):
    """A report to prepare."""

    delay: float | None = Field(
        default=None,
        ge=0,
        le=86_400,
        description="The duration of the work in seconds, to try slow reports. Default: about three.",
    )


class Report(BaseModel):
    """A report, which is prepared in the background."""

    id: str = Field(examples=["rpt_5f3a09c1d2e4b687"])
    state: ReportState = Field(description="Read the result when it is `done`.")
    progress: str = Field(description="The state in words.", examples=["2 seconds are left"])
    created_at: datetime
    finished_at: datetime | None = Field(description="Null while it is prepared.")
