"""The tables of tenants' directories, which end with the assignment of the provider."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


def _of_tenant(**options: Any) -> Any:
    return Field(max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE", **options)


def _of_provider() -> Any:
    return Field(
        max_length=32, foreign_key="tenant_providers.provider", ondelete="CASCADE", index=True
    )


class DirectoryToken(SQLModel, table=True):
    """A token with which a tenant's provider keeps its users and groups here, by its hash."""

    __tablename__ = "directory_tokens"

    token_id: str = Field(primary_key=True, max_length=32)
    token_hash: str = Field(max_length=64, unique=True)
    tenant_id: str = _of_tenant(index=True)
    provider: str = _of_provider()
    label: str = Field(max_length=100)
    data_scope: str = Field(default="", max_length=4096)
    """The data that new members see; empty for all."""
    created_by: str = Field(max_length=255)
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DirectoryUser(SQLModel, table=True):
    """A person as the provider describes them; `role` and `data_scope` are those to restore.

    `user_name_key` is `user_name` without case, `email` the address by which the person was found, and
    `attributes` what else the provider said. `active` is what the provider last said: a membership that
    an admin ended stays ended until the provider deactivates the person and activates them again.
    """

    __tablename__ = "directory_users"
    __table_args__ = (
        Index("one_directory_user_of_a_name", "tenant_id", "user_name_key", unique=True),
        Index("one_directory_user_of_a_person", "tenant_id", "person_id", unique=True),
        Index("ix_directory_users_external_id", "tenant_id", "external_id"),
    )

    user_id: str = Field(primary_key=True, max_length=64)
    tenant_id: str = _of_tenant()
    provider: str = _of_provider()
    person_id: str = Field(
        max_length=255, foreign_key="people.person_id", ondelete="CASCADE", index=True
    )
    user_name: str = Field(max_length=320)
    user_name_key: str = Field(max_length=320)
    external_id: str | None = Field(default=None, max_length=255)
    email: str = Field(max_length=320)
    active: bool
    attributes: dict[str, Any] = Field(sa_type=Json)
    role: str = Field(max_length=32)
    data_scope: str = Field(max_length=4096)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class DirectoryGroup(SQLModel, table=True):
    """A group of the provider; `display_name_key` is `display_name` without case."""

    __tablename__ = "directory_groups"
    __table_args__ = (
        Index("one_directory_group_of_a_name", "tenant_id", "display_name_key", unique=True),
        Index("ix_directory_groups_external_id", "tenant_id", "external_id"),
    )

    group_id: str = Field(primary_key=True, max_length=64)
    tenant_id: str = _of_tenant()
    provider: str = _of_provider()
    display_name: str = Field(max_length=200)
    display_name_key: str = Field(max_length=200)
    external_id: str | None = Field(default=None, max_length=200)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class DirectoryGroupMember(SQLModel, table=True):
    """A user in a group of the same tenant."""

    __tablename__ = "directory_group_members"

    group_id: str = Field(
        primary_key=True,
        max_length=64,
        foreign_key="directory_groups.group_id",
        ondelete="CASCADE",
    )
    user_id: str = Field(
        primary_key=True,
        max_length=64,
        foreign_key="directory_users.user_id",
        ondelete="CASCADE",
        index=True,
    )
