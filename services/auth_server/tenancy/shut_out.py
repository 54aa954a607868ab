"""List the members whom a tenant's own identity provider can't sign in, so that the rule shuts them out."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from auth_server.db.engine import DbSession
from auth_server.records.operators.store import list_operators
from auth_server.records.people.store import find_people
from auth_server.records.tenants.store import list_members, list_members_elsewhere
from auth_server.tenancy.domain_names import domain_of

_AT_ONCE = 200
_MOST_STEPS = 20


@dataclass(frozen=True, slots=True)
class ShutOut:
    """A member whom the tenant's provider can't sign in.

    Attributes:
        person_id: the member.
        name: their name.
        email: their address; None if they have none.
        reason: `address` if it is not in a verified domain of the tenant, or `elsewhere` if they are
            also a member of another tenant or an operator, for whom no customer's provider speaks.
    """

    person_id: str
    name: str
    email: str | None
    reason: Literal["address", "elsewhere"]


async def list_shut_out(
    db: DbSession, tenant_id: str, domains: Collection[str], *, after: str = "", most: int
) -> tuple[list[ShutOut], str]:
    """List such members after a person, by id; return them and where the list goes on.

    It reads at most 4,000 members, so that a page of a large tenant stays fast; the list may go on after
    fewer than `most`.

    Args:
        db: an open database session.
        tenant_id: the tenant.
        domains: its verified e-mail domains.
        after: where the part before ended; empty for the first part.
        most: the most members to list.
    """
    operators = {one.person_id for one in await list_operators(db)}
    found: list[ShutOut] = []
    for _ in range(_MOST_STEPS):
        rows = await list_members(db, tenant_id, after=after, skip=0, most=_AT_ONCE)
        ids = [row.person_id for row in rows]
        people = await find_people(db, ids)
        elsewhere = operators | await list_members_elsewhere(db, tenant_id, ids)
        for person_id in ids:
            if len(found) == most:
                return found, after
            after, person = person_id, people.get(person_id)
            if person is None or person.disabled_at is not None:
                continue
            has_address = domain_of(person.email or "") in domains
            if person_id in elsewhere or not has_address:
                reason: Literal["address", "elsewhere"] = "elsewhere" if has_address else "address"
                found.append(ShutOut(person_id, person.name, person.email, reason))
        if len(rows) < _AT_ONCE:
            return found, ""
    return found, after
