"""Create, change and delete the users of a tenant's directory, and so its memberships.

A provider speaks for addresses in the verified domains of its own tenant alone (A227, A228). It never
makes an admin, and never changes an account that has something elsewhere.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auth_server.db.engine import DbSession
from auth_server.directory.acting import Directory, DirectoryRefused
from auth_server.directory.end_access import end_access, end_connections, is_elsewhere
from auth_server.mail.settings import is_mail_address
from auth_server.records.audit.store import Audit, Event, acting_for, record
from auth_server.records.directory.table import DirectoryUser
from auth_server.records.directory.users import (
    add_user,
    drop_user,
    find_user,
    find_user_by_name,
    find_user_of_person,
)
from auth_server.records.email_changes.store import drop_email_changes
from auth_server.records.invitations.store import list_invitations
from auth_server.records.operators.store import find_operator
from auth_server.records.password_links.store import drop_links
from auth_server.records.people.store import add_person, find_account, is_signed_in_elsewhere
from auth_server.records.people.table import Person
from auth_server.records.second_factors.store import has_second_factor
from auth_server.records.tenant_domains.store import find_owner
from auth_server.records.tenants.store import find_membership, lock_tenant
from auth_server.tenancy.change_membership import set_membership
from auth_server.tenancy.domain_names import domain_of
from auth_server.tenancy.invitations import withdraw
from gatepost.data_scope import parse_data_scope


@dataclass(frozen=True, slots=True)
class SaidUser:
    """A person as the provider describes them; `name` is what pages show."""

    user_name: str
    external_id: str | None
    email: str
    name: str
    active: bool
    attributes: Mapping[str, Any]


async def create_user(
    db: DbSession, directory: Directory, said: SaidUser, *, now: datetime
) -> tuple[DirectoryUser, bool]:
    """Create a user, find or create the person, and make them a member if the user is active.

    Returns:
        The user, and whether what the provider says is carried out; see `change_user`.

    Raises:
        DirectoryRefused: the name or the person is taken, or the address is not the tenant's.
    """
    tenant_id = await _begin(db, directory)
    if await find_user_by_name(db, tenant_id, said.user_name) is not None:
        raise DirectoryRefused("uniqueness", "userName: another user has this name")
    person = await _find_or_add_person(db, directory, said, now=now)
    if await find_user_of_person(db, tenant_id, person.person_id) is not None:
        raise DirectoryRefused("uniqueness", "emails: another user has this address")
    membership = await find_membership(db, person.person_id, tenant_id)
    user = DirectoryUser(
        user_id=uuid.uuid4().hex,
        tenant_id=tenant_id,
        provider=directory.provider,
        person_id=person.person_id,
        user_name=said.user_name,
        user_name_key=said.user_name.lower(),
        external_id=said.external_id,
        email=said.email.lower(),
        active=said.active,
        attributes=dict(said.attributes),
        role="member" if membership is None else membership.role,
        data_scope=directory.data_scope if membership is None else membership.data_scope,
        created_at=now,
        updated_at=now,
    )
    await add_user(db, user)
    await _record(db, "directory_user.created", user, now=now)
    await _bring_up_to_date(db, directory, person, said)
    if not said.active:
        return user, await _deactivate(db, directory, user, now=now)
    if membership is None:
        await _let_in(db, directory, user, now=now)
    return user, True


async def change_user(
    db: DbSession,
    directory: Directory,
    user_id: str,
    say: Callable[[DirectoryUser], SaidUser],
    *,
    now: datetime,
) -> tuple[DirectoryUser, bool] | None:
    """Change a user to what the provider says now, with immediate effect on access.

    Args:
        db: the open transaction.
        directory: the directory.
        user_id: the user.
        say: makes what the provider says out of the user as stored; nobody changes them meanwhile.
        now: the time.

    Returns:
        The user, and False if the person stays a member although the provider deactivates them: they are
        the last admin or one for emergencies. None if the tenant has no such user.

    Raises:
        DirectoryRefused: the name or the address is taken, or the address is not the tenant's.
    """
    tenant_id = await _begin(db, directory)
    user = await find_user(db, tenant_id, user_id, lock=True)
    if user is None:
        return None
    person = await find_account(db, person_id=user.person_id)
    if person is None:
        return None
    said = say(user)
    named = await find_user_by_name(db, tenant_id, said.user_name)
    if named is not None and named.user_id != user_id:
        raise DirectoryRefused("uniqueness", "userName: another user has this name")
    if not said.active:
        # No address keeps a leaver in; it is looked at when they come back (A225).
        said = replace(said, email=user.email)
    elif said.email.lower() != user.email:
        await _require_own_address(db, directory, said.email)
        owner = await find_account(db, email=said.email)
        if owner is not None and owner.person_id != person.person_id:
            raise DirectoryRefused("uniqueness", "emails: another account has this address")
    was_active = user.active
    user.user_name, user.user_name_key = said.user_name, said.user_name.lower()
    user.external_id, user.email = said.external_id, said.email.lower()
    user.attributes, user.updated_at = dict(said.attributes), now
    await db.flush()
    await _bring_up_to_date(db, directory, person, said)
    if not said.active:
        return user, await _deactivate(db, directory, user, now=now)
    if not was_active:
        user.active = True
        await db.flush()
        await _let_in(db, directory, user, now=now)
        await _record(db, "directory_user.activated", user, now=now)
    return user, True


async def delete_user(
    db: DbSession, directory: Directory, user_id: str, *, now: datetime
) -> bool | None:
    """Delete a user and end the person's access; the account stays, without a membership here.

    Returns:
        Whether it is carried out; see `change_user`. None if the tenant has no such user.
    """
    tenant_id = await _begin(db, directory)
    user = await find_user(db, tenant_id, user_id, lock=True)
    if user is None:
        return None
    if not await _deactivate(db, directory, user, now=now):
        return False
    await _record(db, "directory_user.deleted", user, now=now)
    await drop_user(db, user)
    return True


async def _begin(db: DbSession, directory: Directory) -> str:
    """Lock the tenant, so that what its provider says is done in order, and name the provider in the log."""
    acting_for(db, f"directory {directory.provider}")
    await lock_tenant(db, directory.tenant_id)
    return directory.tenant_id


async def _find_or_add_person(
    db: DbSession, directory: Directory, said: SaidUser, *, now: datetime
) -> Person:
    await _require_own_address(db, directory, said.email)
    email = said.email.lower()
    known = await find_account(db, email=email)
    if known is None:
        new = Person(
            person_id=f"usr_{uuid.uuid4().hex}",
            email=email,
            name=said.name,
            created_at=now,
        )
        if await add_person(db, new):
            added = Audit("person.created", person_id=new.person_id, tenant_id=directory.tenant_id)
            await record(db, added, now=now)
            return new
        known = await find_account(db, email=email)
    if known is None or await find_operator(db, known.person_id) is not None:
        raise DirectoryRefused("invalidValue", "emails: this account can't be provisioned")
    return known


async def _require_own_address(db: DbSession, directory: Directory, email: str) -> None:
    domain = domain_of(email) if is_mail_address(email) else None
    if domain is None or await find_owner(db, domain) != directory.tenant_id:
        raise DirectoryRefused(
            "invalidValue",
            "emails: the work address, or userName without one, must be in an e-mail domain that the "
            "organisation has verified",
        )


async def _bring_up_to_date(
    db: DbSession, directory: Directory, person: Person, said: SaidUser
) -> None:
    """Change the account's name and address, unless it has something elsewhere or its own way to sign in."""
    if await is_elsewhere(db, directory, person.person_id):
        return
    person.name = said.name
    email = said.email.lower()
    if email != person.email and not (
        await find_account(db, email=email) is not None
        or person.password_hash is not None
        or await is_signed_in_elsewhere(db, person.person_id)
        or await has_second_factor(db, person.person_id)
    ):
        # Nobody has signed in yet, and the provider will do so with the new address.
        await drop_links(db, person.person_id)
        await drop_email_changes(db, person.person_id)
        person.email, person.email_verified_at = email, None
    await db.flush()


async def _let_in(
    db: DbSession, directory: Directory, user: DirectoryUser, *, now: datetime
) -> None:
    await end_connections(db, directory, user.person_id, now=now)
    await set_membership(
        db,
        user.person_id,
        directory.tenant_id,
        role=user.role,
        data_scope=parse_data_scope(user.data_scope),
        by=None,
        lifetime=directory.lifetime,
        now=now,
    )


async def _deactivate(
    db: DbSession, directory: Directory, user: DirectoryUser, *, now: datetime
) -> bool:
    membership = await find_membership(db, user.person_id, directory.tenant_id)
    changes = membership is not None or user.active
    if membership is not None:
        user.role, user.data_scope = membership.role, membership.data_scope
    elif user.active:
        # An admin removed them here, so what they had is not the directory's to restore (A230).
        user.role, user.data_scope = "member", directory.data_scope
    stays = await end_access(db, directory, user.person_id, now=now)
    for invitation in await list_invitations(db, directory.tenant_id):
        # One from before would let them in again once the directory has forgotten them (A232).
        if invitation.email == user.email:
            await withdraw(db, directory.tenant_id, invitation.invitation_id, by=None, now=now)
    user.active = stays is not None
    await db.flush()
    event: Event = "directory_user.deactivated" if stays is None else "directory_user.kept"
    if changes:
        await _record(db, event, user, now=now)
    return stays is None


async def _record(db: DbSession, event: Event, user: DirectoryUser, *, now: datetime) -> None:
    entry = Audit(
        event,
        person_id=user.person_id,
        tenant_id=user.tenant_id,
        detail={"user": user.user_id, "user_name": user.user_name},
    )
    await record(db, entry, now=now)
