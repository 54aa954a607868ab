"""Find or create the person that a customer's provider asserts."""

import uuid
from datetime import datetime

from auth_server.connectors.port import AssertedIdentity, SignInRefused
from auth_server.db.engine import DbSession
from auth_server.records.people.store import add_identity, find_account, find_identity
from auth_server.records.people.table import Identity, Person
from auth_server.tenancy.customers_providers import NotAdmitted, require_customers_person


async def resolve_customers_person(
    db: DbSession, asserted: AssertedIdentity, provider: str, *, now: datetime
) -> Person:
    """Find the person by issuer and subject, or else by the address that the provider verified.

    An address identifies an account here, and with no other provider, because the tenant has proved
    that it owns the domain. Memberships stay as they are; a new person has none.

    Args:
        db: the open transaction.
        asserted: the identity, as stated by the provider.
        provider: the name of the provider.
        now: the time.

    Raises:
        SignInRefused: the provider may not sign this person in, the person is disabled, or their
            address belongs to another account.
    """
    identity = await find_identity(db, asserted.issuer, asserted.subject)
    email = asserted.email
    known = await find_account(db, email=email) if email is not None else None
    if identity is not None:
        if known is not None and known.person_id != identity.person_id:
            raise SignInRefused("the address belongs to another account")
        known = await find_account(db, person_id=identity.person_id)
    try:
        await require_customers_person(db, provider, email, known.person_id if known else None)
    except NotAdmitted as error:
        raise SignInRefused(str(error)) from None
    if known is not None and known.disabled_at is not None:
        raise SignInRefused("the person is disabled")
    person = known or Person(
        person_id=f"usr_{uuid.uuid4().hex}", email=email, name=asserted.name, created_at=now
    )
    person.name, person.email, person.email_verified_at = asserted.name, email, now
    if identity is None:
        identity = Identity(
            issuer=asserted.issuer,
            subject=asserted.subject,
            person_id=person.person_id,
            created_at=now,
        )
        if not await add_identity(db, person, identity):
            raise SignInRefused("the person was signed in twice at once", told="unavailable")
    await db.flush()
    return person
