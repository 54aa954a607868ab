"""The form of long lists in the admin API."""

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from auth_server.administration.paging import MOST, USUAL, Slice, is_instant

T = TypeVar("T", bound=BaseModel)


def _require_instant(at: datetime) -> datetime:
    if not is_instant(at):
        raise ValueError("must be a time from 1970 on")
    return at


Instant = Annotated[AwareDatetime, AfterValidator(_require_instant)]
"""A time with its offset."""

Limit = Annotated[int, Query(ge=1, le=MOST, description="The most items to return.")]
After = Annotated[
    str,
    Query(max_length=512, description="The `next` of the page before; empty for the first page."),
]
USUAL_LIMIT = USUAL


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(
        description="Send it as `after` for the following page; null at the end."
    )

    @classmethod
    def of(cls, part: Slice[T]) -> "Page[T]":
        """Make the response of a part of a list."""
        return cls(items=list(part.rows), next=part.next or None)
