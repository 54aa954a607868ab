"""Find the person of a provider's identity, by issuer and subject, and update them."""

from datetime import datetime, timedelta

from auth_server.connectors.port import AssertedIdentity, AssertedMembership, SignInRefused
from auth_server.db.engine import DbSession
from auth_server.records.clients.store import find_client
from auth_server.records.people.store import (
    add_identity,
    find_account,
    find_identity,
    find_person,
    is_signed_in_elsewhere,
)
from auth_server.records.people.table import Identity, Person
from auth_server.records.tenants.store import list_memberships, lock_tenant, put_tenant
from auth_server.records.tenants.table import Tenant, is_one_segment
from auth_server.sign_in_settings import ExternalSignIn
from auth_server.tenancy.change_membership import remove_membership, set_membership
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.own_provider import end_left_domains


async def resolve_person(
    db: DbSession,
    asserted: AssertedIdentity,
    settings: ExternalSignIn,
    *,
    lifetime: timedelta,
    now: datetime,
) -> Person:
    """Find or create the person, and update their name, address and memberships.

    A person is found by issuer and subject, and never by an e-mail address, which may get another
    owner or have another one at another provider (A139). Lost memberships and data affect tokens
    and connections at once.

    Args:
        db: the open transaction.
        asserted: the identity, as stated by the provider.
        settings: the provider's settings.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        SignInRefused: the id belongs to another person, the person is disabled, or a membership can't
            be changed, or the id of a new tenant is not one segment of a path.
    """
    identity = await find_identity(db, asserted.issuer, asserted.subject)
    if identity is None:
        await _admit(db, asserted, settings, now)
    person = await find_person(db, identity.person_id if identity else asserted.person_id)
    if person is None:
        raise SignInRefused("the person is disabled")
    person.name = asserted.name
    if asserted.email is not None and asserted.email != person.email:
        taken = await find_account(db, email=asserted.email)
        person.email = None if taken else asserted.email
        await db.flush()
        await end_left_domains(db, person.person_id, lifetime=lifetime, now=now)
    if asserted.memberships is not None:
        try:
            await _bring_up_to_date(
                db, person, asserted.memberships, settings, lifetime=lifetime, now=now
            )
        except ChangeRefused as error:
            raise SignInRefused(f"a membership changed: {error}", told="unavailable") from None
    return person


async def _admit(
    db: DbSession, asserted: AssertedIdentity, settings: ExternalSignIn, now: datetime
) -> None:
    person_id = asserted.person_id
    known = await find_account(db, person_id=person_id)
    if known is not None:
        # A known id is adopted only if the operator allows it, since it may be another person's.
        if not settings.adopts_people or await is_signed_in_elsewhere(db, person_id):
            raise SignInRefused("the person's id is already in use; see adopts_people")
        memberships = await list_memberships(db, person_id=person_id)
        if not all(settings.claims.covers(held.tenant_id) for held in memberships):
            raise SignInRefused("the person is a member of a tenant outside allowed_tenants")
    elif await find_client(db, person_id) is not None:
        raise SignInRefused("the person's id is the id of a client")
    else:
        known = Person(person_id=person_id, email=None, name=asserted.name, created_at=now)
    identity = Identity(
        issuer=asserted.issuer, subject=asserted.subject, person_id=person_id, created_at=now
    )
    if not await add_identity(db, known, identity):
        raise SignInRefused("the person was signed in twice at once", told="unavailable")


async def _bring_up_to_date(
    db: DbSession,
    person: Person,
    memberships: tuple[AssertedMembership, ...],
    settings: ExternalSignIn,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    asserted = {membership.tenant_id for membership in memberships}
    for held in await list_memberships(db, person_id=person.person_id):
        if held.tenant_id not in asserted and settings.claims.covers(held.tenant_id):
            await remove_membership(
                db, person.person_id, held.tenant_id, by=None, lifetime=lifetime, now=now
            )
    for membership in memberships:
        if await lock_tenant(db, membership.tenant_id) is None:
            if not is_one_segment(membership.tenant_id):
                # Those from before keep working; the rest of this server can't name a new one.
                raise SignInRefused(
                    f"the new tenant {membership.tenant_id[:200]!r} must not contain / or be . or ..",
                    told="unusable tenant",
                )
            tenant = Tenant(
                tenant_id=membership.tenant_id, name=membership.tenant_name, created_at=now
            )
            await put_tenant(db, tenant, now=now)
        await set_membership(
            db,
            person.person_id,
            membership.tenant_id,
            role=membership.role,
            data_scope=membership.data_scope,
            by=None,
            lifetime=lifetime,
            now=now,
        )
