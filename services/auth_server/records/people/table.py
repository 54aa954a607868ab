"""The people table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


class Person(SQLModel, table=True):
    """A person; `person_id` is the `sub` of their tokens and their id in the SaaS product.

    People with a password sign in with `email`; people from a provider may not have one.
    """

    __tablename__ = "people"

    person_id: str = Field(primary_key=True, max_length=255)
    email: str | None = Field(default=None, max_length=320, unique=True)
    name: str = Field(max_length=200)
    password_hash: str | None = Field(default=None, max_length=255)
    language: str | None = Field(default=None, max_length=35)
    """The language in which they last signed in, for mails to them."""
    email_verified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When they last proved that mails to `email` reach them."""
    password_by_mail_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When they set the password by mail; None once they signed in with it and a second factor."""
    muted_notices: list[str] | None = Field(default=None, sa_type=Json)
    """The kinds of notices that they switched off."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def known_as(self) -> str:
        """The e-mail address, or the name if there is none, to show whose account this is."""
        return self.email or self.name


class Identity(SQLModel, table=True):
    """The person that a subject identifies at a provider."""

    __tablename__ = "identities"

    issuer: str = Field(primary_key=True, max_length=512)
    subject: str = Field(primary_key=True, max_length=255)
    person_id: str = Field(
        max_length=255, foreign_key="people.person_id", ondelete="CASCADE", index=True
    )
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the provider last told that the person's sessions there ended; older assertions don't count."""
