"""The only SQL on invitations."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.invitations.table import Invitation

KEPT = timedelta(days=30)
"""How long the admins see that an invitation has expired."""


async def add_invitation(db: DbSession, invitation: Invitation) -> None:
    """Add an invitation."""
    db.add(invitation)
    await db.flush()


async def find_invitation(db: DbSession, invitation_id: str) -> Invitation | None:
    """Look up an invitation, including an expired one."""
    return await db.get(Invitation, invitation_id, populate_existing=True)


async def find_open_invitation(
    db: DbSession, invitation_id: str, *, now: datetime
) -> Invitation | None:
    """Look up an invitation that can still be accepted."""
    invitation = await find_invitation(db, invitation_id)
    return invitation if invitation is not None and invitation.expires_at > now else None


async def list_invitations(db: DbSession, tenant_id: str) -> Sequence[Invitation]:
    """List a tenant's invitations, including expired ones, by address."""
    query = select(Invitation).where(col(Invitation.tenant_id) == tenant_id)
    return (await db.execute(query.order_by(col(Invitation.email)))).scalars().all()


async def drop_invitation(db: DbSession, invitation: Invitation) -> None:
    """Delete an invitation."""
    await db.delete(invitation)
    await db.flush()


async def purge_invitations(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the invitations that expired before a time; return whether there may be more."""
    return await delete_some(db, Invitation, col(Invitation.expires_at) < before)
