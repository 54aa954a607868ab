"""The tables of catalogues, and of the names of their tools."""

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


class ToolNames(SQLModel, table=True):
    """Whose the tools' names at one resource are, as `follow_names` found for the version `hash`."""

    __tablename__ = "tool_names"

    resource: str = Field(primary_key=True, max_length=512)
    hash: str = Field(max_length=64)
    taken: dict[str, list[str]] = Field(sa_type=Json)
    gone: dict[str, str] = Field(sa_type=Json)
