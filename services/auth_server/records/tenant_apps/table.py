"""The tables of tenants' apps and of members' choices about them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


@dataclass(frozen=True, slots=True)
class AppCeiling:
    """The most that an app may do for the members of one group, or for all if `group` is empty.

    `tools` are names, so that a tool that joins the catalogue later is not among them. An empty
    `data_scope` restricts nothing within what the member sees.
    """

    group: str
    tools: frozenset[str]
    data_scope: str
    apis: Mapping[str, str] | None = None
    """`Apis` of the tools."""


class TenantApp(SQLModel, table=True):
    """An app that a tenant's own identity provider may connect for members without asking them.

    It ends with the assignment of the provider. `ceilings` is an ordered list of `AppCeiling`.
    """

    __tablename__ = "tenant_apps"

    tenant_id: str = Field(
        primary_key=True, max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE"
    )
    client_id: str = Field(primary_key=True, max_length=1024, index=True)
    """Not a foreign key, because a client's document is read only when the client comes."""
    resource: str = Field(primary_key=True, max_length=512)
    provider: str = Field(
        max_length=32, foreign_key="tenant_providers.provider", ondelete="CASCADE", index=True
    )
    ceilings: list[dict[str, Any]] = Field(sa_type=Json)
    changed_at: datetime = Field(sa_type=UtcDateTime)

    def ceiling_for(self, groups: Collection[str]) -> AppCeiling | None:
        """Return the first ceiling of a group in the list, or None if the list has none for them."""
        for ceiling in read_ceilings(self):
            if not ceiling.group or ceiling.group in groups:
                return ceiling
        return None


class AppChoice(SQLModel, table=True):
    """What one member left out of a tenant's app, or that the connection was ended.

    It outlives the grant, so that the next assertion of the provider does not undo it. `declined`
    are tools, and `data_scope` is the member's own restriction. `ceiling_tools` and
    `ceiling_data_scope` are what the tenant allowed at the last assertion. `ended_by` is `person`,
    `admin` or `operator`.
    """

    __tablename__ = "tenant_app_choices"

    person_id: str = Field(
        primary_key=True, max_length=255, foreign_key="people.person_id", ondelete="CASCADE"
    )
    tenant_id: str = Field(
        primary_key=True,
        max_length=255,
        foreign_key="tenants.tenant_id",
        ondelete="CASCADE",
        index=True,
    )
    client_id: str = Field(primary_key=True, max_length=1024)
    resource: str = Field(primary_key=True, max_length=512)
    client_name: str = Field(max_length=120)
    ceiling_tools: list[str] = Field(sa_type=Json)
    ceiling_apis: dict[str, str] | None = Field(default=None, sa_type=Json)
    ceiling_data_scope: str = Field(default="", max_length=4096)
    declined: list[str] = Field(default_factory=list, sa_type=Json)
    data_scope: str = Field(default="", max_length=4096)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = Field(default=None, max_length=16)
    groups: list[str] | None = Field(default=None, sa_type=Json)
    """The person's groups in the last assertion; None if it did not tell them."""


def read_ceilings(app: TenantApp) -> list[AppCeiling]:
    """Read the stored list of ceilings."""
    return [
        AppCeiling(one["group"], frozenset(one["tools"]), one["data_scope"], one.get("apis"))
        for one in app.ceilings
    ]
