"""The used client assertions table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class UsedAssertion(SQLModel, table=True):
    """One assertion of one client, stored until it has expired."""

    __tablename__ = "client_assertions"

    client_id: str = Field(primary_key=True, max_length=1024)
    jti: str = Field(primary_key=True, max_length=255)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
