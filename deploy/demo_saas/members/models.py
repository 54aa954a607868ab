"""Members in responses."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from demo_saas.paging import Page


class Member(BaseModel):
    """A person in an organisation."""

    id: str = Field(description="The person's id, as in a task's `assignee`.", examples=["usr_ada"])
    name: str = Field(examples=["Ada Marsh"])
    email: str = Field(examples=["ada@acme.example"])
    role: Literal["admin", "member"]
    teams: list[str] = Field(
        description="The ids of the teams the person belongs to.",
        examples=[["design", "engineering"]],
    )
    joined_at: datetime


class MemberPage(Page[Member]):
    """A page of members."""
