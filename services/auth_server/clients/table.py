"""The clients table."""

from datetime import datetime
from typing import Literal

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime

ClientSource = Literal["managed", "dynamic"]
# Together with the other columns of an index it stays within a PostgreSQL index row.
LONGEST_CLIENT_ID = 1024
AuthMethod = Literal["none", "client_secret_basic", "client_secret_post"]


class Client(SQLModel, table=True):
    """A registered client; `source` says who vouches for it."""

    __tablename__ = "clients"

    client_id: str = Field(primary_key=True, max_length=LONGEST_CLIENT_ID)
    source: str = Field(max_length=16)
    name: str = Field(max_length=120)
    client_uri: str | None = Field(default=None, max_length=2048)
    redirect_uris: list[str] = Field(sa_type=Json)
    grant_types: list[str] = Field(sa_type=Json)
    token_endpoint_auth_method: str = Field(max_length=32)
    secret_hash: str | None = Field(default=None, max_length=64)
    application_type: str = Field(max_length=8)
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
