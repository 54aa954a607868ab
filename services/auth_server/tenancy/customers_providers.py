"""Whom the identity provider of one customer may sign in.

Such a provider is run by a customer, who can let it assert anything. So its word counts only for
addresses in the verified domains of its own tenant, and only for people who have nothing elsewhere.
"""

from auth_server.db.engine import DbSession
from auth_server.records.operators.store import find_operator
from auth_server.records.people.store import find_account, find_identity
from auth_server.records.people.table import Identity, Person
from auth_server.records.tenant_domains.store import find_owner
from auth_server.records.tenant_providers.store import find_assignment, find_provider
from auth_server.records.tenants.store import find_tenant, list_memberships
from auth_server.tenancy.domain_names import domain_of


class NotAdmitted(Exception):
    """The provider does not speak for this person; the message is for the logs."""


async def require_customers_person(
    db: DbSession, provider: str, email: str | None, person_id: str | None
) -> str:
    """Check that a customer's provider may sign a person in now; return its tenant.

    Args:
        db: an open database session.
        provider: the name of the provider.
        email: the person's address, which the provider has verified; None if it has not.
        person_id: the person; None if they have no account yet.

    Raises:
        NotAdmitted: an operator has not assigned the provider to a tenant, the address is not in a
            verified domain of that tenant, or the person is an operator or a member of another tenant.
    """
    assignment = await find_assignment(db, provider)
    if assignment is None or await find_tenant(db, assignment.tenant_id) is None:
        raise NotAdmitted("the provider is not assigned to an active tenant")
    tenant_id, domain = assignment.tenant_id, domain_of(email or "")
    if domain is None or await find_owner(db, domain) != tenant_id:
        raise NotAdmitted("the address is not verified, or not in a verified domain of the tenant")
    if person_id is not None:
        if await find_operator(db, person_id) is not None:
            raise NotAdmitted("the person is an operator")
        if any(
            held.tenant_id != tenant_id for held in await list_memberships(db, person_id=person_id)
        ):
            raise NotAdmitted("the person is a member of another tenant")
    return tenant_id


async def find_customers_person(
    db: DbSession, provider: str, *, issuer: str, subject: str, email: str | None
) -> tuple[Person | None, Identity | None, str]:
    """Find the person whom a customer's provider names, by issuer and subject or else by the address.

    An address identifies an account here, and with no other provider, because the tenant has proved
    that it owns the domain.

    Args:
        db: the open transaction; it locks the person.
        provider: the name of the provider.
        issuer: the provider's issuer.
        subject: the person's id there.
        email: the person's address, which the provider has verified; None if it has not.

    Returns:
        The person and their identity, each None if there is none yet, and the provider's tenant.

    Raises:
        NotAdmitted: the provider does not speak for the person, they are disabled, or their address
            belongs to another account.
    """
    identity = await find_identity(db, issuer, subject)
    known = await find_account(db, email=email) if email is not None else None
    if identity is not None:
        if known is not None and known.person_id != identity.person_id:
            raise NotAdmitted("the address belongs to another account")
        known = await find_account(db, person_id=identity.person_id)
    person_id = known.person_id if known is not None else None
    tenant_id = await require_customers_person(db, provider, email, person_id)
    if known is not None and known.disabled_at is not None:
        raise NotAdmitted("the person is disabled")
    return known, identity, tenant_id


async def find_provider_of_address(db: DbSession, address: str) -> str | None:
    """Return the provider with which the owner of an address signs in, by its domain alone."""
    domain = domain_of(address.strip())
    tenant_id = await find_owner(db, domain) if domain is not None else None
    if tenant_id is None or await find_tenant(db, tenant_id) is None:
        return None
    assignment = await find_provider(db, tenant_id)
    return assignment.provider if assignment is not None else None
