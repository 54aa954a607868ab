"""The plans table."""

from typing import Any

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json


class StoredPlan(SQLModel, table=True):
    """One plan; `terms` is a `PlanTerms` as JSON."""

    __tablename__ = "plans"

    name: str = Field(primary_key=True, max_length=32)
    position: int
    """The place in the list of plans, from the smallest to the largest."""
    terms: dict[str, Any] = Field(sa_type=Json)
