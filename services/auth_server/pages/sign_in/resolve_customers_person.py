"""Find or create the person that a customer's provider asserts."""

import uuid
from datetime import datetime

from auth_server.connectors.port import AssertedIdentity, SignInRefused
from auth_server.db.engine import DbSession
from auth_server.records.people.store import add_identity
from auth_server.records.people.table import Identity, Person
from auth_server.tenancy.customers_providers import NotAdmitted, find_customers_person


async def resolve_customers_person(
    db: DbSession, asserted: AssertedIdentity, provider: str, *, now: datetime
) -> Person:
    """Find the person by issuer and subject, or else by the address that the provider verified.

    Memberships stay as they are; a new person has none.

    Args:
        db: the open transaction.
        asserted: the identity, as stated by the provider.
        provider: the name of the provider.
        now: the time.

    Raises:
        SignInRefused: the provider may not sign this person in, the person is disabled, or their
            address belongs to another account.
    """
    issuer, subject, email = asserted.issuer, asserted.subject, asserted.email
    try:
        known, identity, _ = await find_customers_person(
            db, provider, issuer=issuer, subject=subject, email=email
        )
    except NotAdmitted as error:
        raise SignInRefused(str(error)) from None
    person = known or Person(
        person_id=f"usr_{uuid.uuid4().hex}", email=email, name=asserted.name, created_at=now
    )
    person.name, person.email, person.email_verified_at = asserted.name, email, now
    if identity is None:
        identity = Identity(
            issuer=issuer, subject=subject, person_id=person.person_id, created_at=now
        )
        if not await add_identity(db, person, identity):
            raise SignInRefused("the person was signed in twice at once", told="unavailable")
    await db.flush()
    return person
