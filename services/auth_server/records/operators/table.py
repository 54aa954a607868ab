"""The operators table."""

from datetime import datetime
from typing import Literal

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

Role = Literal["operator", "viewer"]
"""An operator may change things; a viewer only reads."""


class Operator(SQLModel, table=True):
    """A person who operates this server, apart from any role in a tenant."""

    __tablename__ = "operators"

    person_id: str = Field(
        primary_key=True, max_length=255, foreign_key="people.person_id", ondelete="CASCADE"
    )
    role: str = Field(max_length=16)
    created_at: datetime = Field(sa_type=UtcDateTime)
