"""The catalogues table."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


class CatalogueVersion(SQLModel, table=True):
    """One version of one resource's catalogue."""

    __tablename__ = "catalogues"

    resource: str = Field(primary_key=True, max_length=512)
    hash: str = Field(primary_key=True, max_length=64)
    document: dict[str, Any] = Field(sa_type=Json)
    seen_at: datetime = Field(sa_type=UtcDateTime)
