"""Whom an admin can give a budget: the tenant, a member, an app, or an API key."""

from collections.abc import Mapping
from dataclasses import dataclass

from auth_server.db.engine import DbSession
from auth_server.metering.usage_report import UsageReport
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.ceilings.store import list_service_clients
from auth_server.records.clients.store import list_client_names
from auth_server.records.grants.store import list_granted_clients
from auth_server.records.people.store import find_people
from auth_server.records.tenants.store import find_membership, list_members

_MOST_MEMBERS = 200


@dataclass(frozen=True, slots=True)
class Choices:
    """The names of people, clients and API keys by their ids."""

    people: Mapping[str, str]
    clients: Mapping[str, str]
    keys: Mapping[str, str]

    def offers(self, kind: str, key: str) -> bool:
        """Return whether this person, client, key or the tenant can have a budget."""
        if kind == "tenant":
            return key == ""
        named = {"person": self.people, "client": self.clients, "grant": self.keys}
        return key in named.get(kind, {})


async def list_choices(db: DbSession, tenant_id: str, report: UsageReport) -> Choices:
    """List a tenant's connected apps, service clients, API keys and members.

    Of many members, these are the first ones, those with a budget, and those who used the most.
    """
    members = {
        one.person_id for one in await list_members(db, tenant_id, skip=0, most=_MOST_MEMBERS)
    }
    for key in {*(one.key for one in report.budgets), *(one.key for one in report.people)}:
        if key not in members and await find_membership(db, key, tenant_id) is not None:
            members.add(key)
    people = await find_people(db, members)
    client_ids = {
        *await list_granted_clients(db, tenant_id),
        *await list_service_clients(db, tenant_id),
    }
    names = await list_client_names(db, client_ids)
    keys = await list_api_keys(db, tenant_id=tenant_id)
    return Choices(
        people={key: person.name for key, person in people.items()},
        clients={key: names.get(key, key) for key in sorted(client_ids)},
        keys={key.key_id: key.label for key in keys if key.revoked_at is None},
    )
