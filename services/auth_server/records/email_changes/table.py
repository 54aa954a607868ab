"""The email changes table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class EmailChange(SQLModel, table=True):
    """The address that a person had before a change, whose owner may undo it for some days."""

    __tablename__ = "email_changes"

    change_id: str = Field(primary_key=True, max_length=64)
    person_id: str = Field(
        max_length=255, foreign_key="people.person_id", ondelete="CASCADE", index=True
    )
    former_email: str = Field(max_length=320)
    undo_until: datetime = Field(sa_type=UtcDateTime, index=True)
