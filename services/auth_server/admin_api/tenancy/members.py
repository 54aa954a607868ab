"""/admin/v1/tenants/{tenant_id}/members."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.tenancy.members import (
    MemberView,
    read_members,
    remove_member,
    set_member,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings

router = APIRouter(prefix="/tenants/{tenant_id}/members", tags=["tenants"])


class MemberChange(BaseModel):
    """The role and data of a member."""

    model_config = ConfigDict(extra="forbid")

    role: str = Field(default="member", description="`admin`, or a role of your product.")
    data_scope: str = Field(default="", description="Such as `team:design`; empty for all data.")


@router.get("")
async def list_members(
    caller: Caller,
    db: ReadingDb,
    tenant_id: str,
    search: Annotated[
        str, Query(max_length=200, description="A part of a name, e-mail address or role.")
    ] = "",
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> Page[MemberView]:
    """List a tenant's members by id. Requires `tenants:read`."""
    part = await read_members(db, caller, tenant_id, search=search, after=after, limit=limit)
    return Page.of(part)


@router.put("/{person_id}", status_code=204)
async def put_member(
    caller: Caller,
    db: Db,
    settings: Settings,
    now: Clock,
    tenant_id: str,
    person_id: str,
    change: MemberChange,
) -> None:
    """Make a person a member, or change their role and data. Requires `tenants:write`."""
    await set_member(
        db,
        caller,
        tenant_id,
        person_id,
        role=change.role,
        data_scope=change.data_scope,
        lifetime=settings.longest_token_lifetime,
        now=now(),
    )


@router.delete("/{person_id}", status_code=204)
async def delete_member(
    caller: Caller, db: Db, settings: Settings, now: Clock, tenant_id: str, person_id: str
) -> None:
    """Remove a member, with their connections and API keys there. Requires `tenants:write`."""
    lifetime = settings.longest_token_lifetime
    await remove_member(db, caller, tenant_id, person_id, lifetime=lifetime, now=now())
