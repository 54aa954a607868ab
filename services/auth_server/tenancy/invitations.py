"""Invite people to become members of a tenant.

An invitation is useful for a week, so neither its id nor its link proves anything: whoever accepts it
must have an account with the invited address, and must have proved that mails there reach them.
"""

import uuid
from datetime import datetime, timedelta
from urllib.parse import urlencode

from auth_server.db.engine import DbSession
from auth_server.mail.settings import is_mail_address
from auth_server.outbox.queue import queue_mail
from auth_server.records.attempts.store import count_attempt
from auth_server.records.audit.store import Audit, Event, record
from auth_server.records.invitations.store import (
    add_invitation,
    drop_invitation,
    find_invitation,
    find_open_invitation,
    list_invitations,
)
from auth_server.records.invitations.table import Invitation
from auth_server.records.people.store import find_person, find_person_by_email
from auth_server.records.people.table import Person
from auth_server.records.tenants.store import find_membership, lock_tenant
from auth_server.records.tenants.table import Tenant
from auth_server.secrets import hash_secret
from auth_server.tenancy.change_membership import (
    require_role_and_data,
    require_within,
    set_membership,
)
from auth_server.tenancy.change_policy import ChangeRefused, require_admin
from gatepost.data_scope import DataScope, parse_data_scope

PAGE = "/account/invitation"
LIFETIME = timedelta(days=7)
MOST_IN_A_DAY = 50
"""How many mails with invitations a tenant sends in a day."""
MOST_OPEN = 200
"""How many invitations of a tenant there are at once."""


def page_of(invitation_id: str) -> str:
    """Return the page of an invitation, as a path of this server."""
    return f"{PAGE}?{urlencode({'id': invitation_id})}"


async def invite(
    db: DbSession,
    email: str,
    tenant_id: str,
    *,
    role: str,
    data_scope: DataScope,
    by: str | None,
    language: str | None,
    now: datetime,
) -> Invitation:
    """Invite the owner of an e-mail address, who gets a mail with a link.

    Args:
        db: the open transaction.
        email: the address.
        tenant_id: the tenant.
        role: the role in the tenant.
        data_scope: the data they may see; an empty one restricts nothing.
        by: the admin who invites, and can't give more data than they see; None for an operator.
        language: the language of the mail, if the address has no account.
        now: the time.

    Raises:
        ChangeRefused: the admin may not do this, a value is invalid, the person is a member or
            invited already, or the tenant has invited too many people.
    """
    await require_admin(db, by, tenant_id)
    require_role_and_data(role, data_scope)
    email = email.strip().lower()
    if not is_mail_address(email):
        raise ChangeRefused("Enter one e-mail address, such as ada@example.com.")
    tenant = await lock_tenant(db, tenant_id)
    if tenant is None or tenant.disabled_at is not None:
        raise ChangeRefused(f"the tenant {tenant_id} does not exist")
    person = await find_person_by_email(db, email)
    if person is not None and await find_membership(db, person.person_id, tenant_id) is not None:
        raise ChangeRefused("This person is already a member.")
    if by is not None:
        await require_within(db, by, None, "", tenant_id, data_scope)
    known = await list_invitations(db, tenant_id)
    if any(invitation.email == email for invitation in known):
        raise ChangeRefused("This address has an invitation. Send it again, or withdraw it first.")
    if len(known) >= MOST_OPEN:
        raise ChangeRefused("There are 200 open invitations. Withdraw some of them first.")
    invitation = Invitation(
        invitation_id=uuid.uuid4().hex,
        tenant_id=tenant_id,
        email=email,
        role=role,
        data_scope=str(data_scope),
        invited_by=by,
        sent_at=now,
        expires_at=now + LIFETIME,
    )
    await _send(db, invitation, tenant, language=language, now=now)
    await add_invitation(db, invitation)
    await _record(db, "invitation.created", invitation, by=by, now=now)
    return invitation


async def send_again(
    db: DbSession,
    tenant_id: str,
    invitation_id: str,
    *,
    by: str | None,
    language: str | None,
    now: datetime,
) -> Invitation:
    """Send the mail of an invitation again; the week begins anew.

    Raises:
        ChangeRefused: the admin may not do this, the tenant has no such invitation, or too many
            mails were sent.
    """
    invitation, tenant = await _require_invitation(db, tenant_id, invitation_id, by=by)
    await _send(db, invitation, tenant, language=language, now=now)
    invitation.sent_at, invitation.expires_at = now, now + LIFETIME
    await db.flush()
    await _record(db, "invitation.sent_again", invitation, by=by, now=now)
    return invitation


async def withdraw(
    db: DbSession, tenant_id: str, invitation_id: str, *, by: str | None, now: datetime
) -> None:
    """End an invitation.

    Raises:
        ChangeRefused: the admin may not do this, or the tenant has no such invitation.
    """
    invitation, _ = await _require_invitation(db, tenant_id, invitation_id, by=by)
    await drop_invitation(db, invitation)
    await _record(db, "invitation.withdrawn", invitation, by=by, now=now)


async def accept(
    db: DbSession, invitation_id: str, person: Person, *, lifetime: timedelta, now: datetime
) -> str:
    """Make the invited person a member, once, and return the tenant's id.

    The rights of the admin who invited them are checked again. Somebody who became a member in the
    meantime keeps their role and data.

    Args:
        db: the open transaction.
        invitation_id: the invitation.
        person: who accepts.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        ChangeRefused: the invitation is over or for another address, the person has not proved
            their address, or the admin may not give this access any more.
    """
    over = ChangeRefused("This invitation no longer works. Ask an admin for a new one.")
    found = await find_open_invitation(db, invitation_id, now=now)
    if found is None:
        raise over
    # Locked and read again, so that of parallel calls one accepts.
    tenant = await lock_tenant(db, found.tenant_id)
    invitation = await find_open_invitation(db, invitation_id, now=now)
    if tenant is None or tenant.disabled_at is not None or invitation is None:
        raise over
    if person.email != invitation.email or person.email_verified_at is None:
        raise ChangeRefused("This invitation is for another e-mail address.")
    if await find_membership(db, person.person_id, invitation.tenant_id) is None:
        try:
            await set_membership(
                db,
                person.person_id,
                invitation.tenant_id,
                role=invitation.role,
                data_scope=parse_data_scope(invitation.data_scope),
                by=invitation.invited_by,
                lifetime=lifetime,
                now=now,
            )
        except ChangeRefused:
            raise over from None
    await drop_invitation(db, invitation)
    await _record(db, "invitation.accepted", invitation, by=person.person_id, now=now)
    return invitation.tenant_id


async def _require_invitation(
    db: DbSession, tenant_id: str, invitation_id: str, *, by: str | None
) -> tuple[Invitation, Tenant]:
    await require_admin(db, by, tenant_id)
    tenant = await lock_tenant(db, tenant_id)
    invitation = await find_invitation(db, invitation_id)
    if tenant is None or invitation is None or invitation.tenant_id != tenant_id:
        raise ChangeRefused("This invitation no longer exists. It may have been accepted.")
    return invitation, tenant


async def _send(
    db: DbSession, invitation: Invitation, tenant: Tenant, *, language: str | None, now: datetime
) -> None:
    day = timedelta(days=1)
    counted_as = hash_secret(f"invitations of {tenant.tenant_id}")
    if await count_attempt(db, counted_as, most=MOST_IN_A_DAY, window=day, now=now) is not None:
        raise ChangeRefused("50 invitations were sent today. Try again tomorrow.")
    known = await find_person_by_email(db, invitation.email)
    admin = await find_person(db, invitation.invited_by or "")
    queued = await queue_mail(
        db,
        "invitation",
        to=invitation.email,
        language=(known.language if known else None) or language,
        values={
            "tenant": tenant.name,
            "admin": admin.known_as if admin else "",
            "days": LIFETIME.days,
            "path": page_of(invitation.invitation_id),
        },
        now=now,
    )
    if not queued:
        raise ChangeRefused("This address got several invitations lately. Try again in an hour.")


async def _record(
    db: DbSession, event: Event, invitation: Invitation, *, by: str | None, now: datetime
) -> None:
    detail = {
        "email": invitation.email,
        "role": invitation.role,
        "data_scope": invitation.data_scope,
    }
    entry = Audit(event, person_id=by or "", tenant_id=invitation.tenant_id, detail=detail)
    await record(db, entry, now=now)
