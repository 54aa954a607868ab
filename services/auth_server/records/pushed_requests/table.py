"""The table of pushed authorization requests."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


class PushedRequest(SQLModel, table=True):
    """The parameters that a client pushed, by the hash of the `request_uri`, without its credentials."""

    __tablename__ = "pushed_requests"

    uri_hash: str = Field(primary_key=True, max_length=64)
    client_id: str = Field(
        max_length=1024, foreign_key="clients.client_id", ondelete="CASCADE", index=True
    )
    parameters: dict[str, list[str]] = Field(sa_type=Json)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
