"""The people table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class Person(SQLModel, table=True):
    """A person; `person_id` is the `sub` of their tokens and the id the SaaS knows them by.

    `email` is what somebody with a password signs in with; who comes from a provider may have none.
    """

    __tablename__ = "people"

    person_id: str = Field(primary_key=True, max_length=255)
    email: str | None = Field(default=None, max_length=320, unique=True)
    name: str = Field(max_length=200)
    password_hash: str | None = Field(default=None, max_length=255)
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def known_as(self) -> str:
        """The address, or the name where there is none: which account this is, for its owner."""
        return self.email or self.name


class Identity(SQLModel, table=True):
    """Who a provider means by a subject."""

    __tablename__ = "identities"

    issuer: str = Field(primary_key=True, max_length=512)
    subject: str = Field(primary_key=True, max_length=255)
    person_id: str = Field(
        max_length=255, foreign_key="people.person_id", ondelete="CASCADE", index=True
    )
    created_at: datetime = Field(sa_type=UtcDateTime)
