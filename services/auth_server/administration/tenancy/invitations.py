"""Invite people to tenants."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.db.engine import DbSession
from auth_server.records.invitations.store import find_invitation, list_invitations
from auth_server.records.invitations.table import Invitation
from auth_server.records.tenants.store import find_tenant
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.invitations import invite, send_again, withdraw
from gatepost.data_scope import MalformedDataScope, parse_data_scope


class InvitationView(BaseModel):
    """An invitation as the admin API shows it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    invitation_id: str
    email: str
    role: str
    data_scope: str
    """The data they may see; empty for all."""
    invited_by: str | None
    """The admin's person id; null for an operator."""
    sent_at: datetime
    expires_at: datetime


async def read_invitations(
    db: DbSession, operator: ActingOperator, tenant_id: str
) -> list[InvitationView]:
    """List a tenant's invitations that nobody has accepted, including expired ones, by address.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    if await find_tenant(db, tenant_id) is None:
        raise NotFound(f"the tenant {tenant_id} does not exist")
    return [_view(row) for row in await list_invitations(db, tenant_id)]


async def invite_person(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    email: str,
    *,
    role: str,
    data_scope: str,
    language: str | None = None,
    now: datetime,
) -> InvitationView:
    """Invite the owner of an e-mail address.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant does not exist.
        Refused: a value is invalid, or the invitation is not possible.
    """
    operator.act(db, "tenants:write")
    if await find_tenant(db, tenant_id) is None:
        raise NotFound(f"the tenant {tenant_id} does not exist")
    try:
        row = await invite(
            db,
            email,
            tenant_id,
            role=role,
            data_scope=parse_data_scope(data_scope),
            by=None,
            language=language,
            now=now,
        )
    except MalformedDataScope as error:
        raise Refused("data_scope", str(error)) from None
    except ChangeRefused as error:
        raise Refused("email", str(error)) from None
    return _view(row)


async def resend_invitation(
    db: DbSession, operator: ActingOperator, tenant_id: str, invitation_id: str, *, now: datetime
) -> InvitationView:
    """Send the mail of an invitation again, which then is valid for another week.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant has no such invitation.
        Refused: too many mails were sent.
    """
    operator.act(db, "tenants:write")
    await _require(db, tenant_id, invitation_id)
    try:
        row = await send_again(db, tenant_id, invitation_id, by=None, language=None, now=now)
    except ChangeRefused as error:
        raise Refused("invitation", str(error)) from None
    return _view(row)


async def withdraw_invitation(
    db: DbSession, operator: ActingOperator, tenant_id: str, invitation_id: str, *, now: datetime
) -> None:
    """End an invitation.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant has no such invitation.
    """
    operator.act(db, "tenants:write")
    await _require(db, tenant_id, invitation_id)
    await withdraw(db, tenant_id, invitation_id, by=None, now=now)


async def _require(db: DbSession, tenant_id: str, invitation_id: str) -> None:
    found = await find_invitation(db, invitation_id)
    if found is None or found.tenant_id != tenant_id:
        raise NotFound(f"the tenant {tenant_id} has no invitation {invitation_id}")


def _view(row: Invitation) -> InvitationView:
    return InvitationView(**row.model_dump(exclude={"tenant_id"}))
