"""The revocations table."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class RevocationRow(SQLModel, table=True):
    """One revocation; `number` is its place in the feed, set after the row is committed."""

    __tablename__ = "revocations"

    revocation_id: str = Field(primary_key=True, max_length=32)
    number: int | None = Field(default=None, unique=True)
    kind: str = Field(max_length=16)
    key: str = Field(max_length=1024, index=True)
    below: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
