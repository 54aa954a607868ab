"""The people table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class Person(SQLModel, table=True):
    """A person; `person_id` is the `sub` of their tokens and the id the SaaS knows them by."""

    __tablename__ = "people"

    person_id: str = Field(primary_key=True, max_length=255)
    email: str = Field(max_length=320, unique=True)
    name: str = Field(max_length=200)
    password_hash: str | None = Field(default=None, max_length=255)
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
