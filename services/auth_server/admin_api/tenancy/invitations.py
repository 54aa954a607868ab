"""/admin/v1/tenants/{tenant_id}/invitations."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.tenancy.invitations import (
    InvitationView,
    invite_person,
    read_invitations,
    resend_invitation,
    withdraw_invitation,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb

router = APIRouter(prefix="/tenants/{tenant_id}/invitations", tags=["tenants"])


class NewInvitation(BaseModel):
    """Whom to invite, and what they get."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254, description="The address that the mail goes to.")
    role: str = Field(default="member", description="`admin`, or a role of your product.")
    data_scope: str = Field(default="", description="Such as `team:design`; empty for all data.")
    language: str | None = Field(
        default=None, max_length=35, description="The language of the mail, such as `de`."
    )


@router.get("")
async def list_invitations(caller: Caller, db: ReadingDb, tenant_id: str) -> list[InvitationView]:
    """List the invitations that nobody has accepted. Requires `tenants:read`."""
    return await read_invitations(db, caller, tenant_id)


@router.post("", status_code=201)
async def post_invitation(
    caller: Caller, db: Db, now: Clock, tenant_id: str, new: NewInvitation
) -> InvitationView:
    """Invite a person by mail. Requires `tenants:write`."""
    return await invite_person(
        db,
        caller,
        tenant_id,
        new.email,
        role=new.role,
        data_scope=new.data_scope,
        language=new.language,
        now=now(),
    )


@router.post("/{invitation_id}/resend")
async def post_invitation_resend(
    caller: Caller, db: Db, now: Clock, tenant_id: str, invitation_id: str
) -> InvitationView:
    """Send the mail again; the invitation is valid for another week. Requires `tenants:write`."""
    return await resend_invitation(db, caller, tenant_id, invitation_id, now=now())


@router.delete("/{invitation_id}", status_code=204)
async def delete_invitation(
    caller: Caller, db: Db, now: Clock, tenant_id: str, invitation_id: str
) -> None:
    """Withdraw an invitation. Requires `tenants:write`."""
    await withdraw_invitation(db, caller, tenant_id, invitation_id, now=now())
