"""An admin sees by name whom the rule about the own provider would shut out, before it is on."""

from collections.abc import AsyncIterator

import pytest

from auth_server.tenancy.shut_out import list_shut_out
from support.in_process.clock import Clock
from support.in_process.customers_place import Place, running_place
from support.in_process.operator import add
from support.in_process.provider_rule import RULE, from_provider, require


def person(person_id: str, email: str, *tenants: str) -> dict[str, object]:
    memberships = [{"tenant": tenant, "role": "member"} for tenant in tenants]
    return {
        "id": person_id,
        "email": email,
        "name": person_id.removeprefix("usr_").title(),
        "password": "gatepost-demo",
        "memberships": memberships,
    }


@pytest.fixture
async def place(sqlite_url: str, clock: Clock) -> AsyncIterator[Place]:
    """Acme has two members whom its provider can sign in, and two whom it can't."""
    async with running_place(sqlite_url, clock, issuer="http://localhost:8400") as made:
        await made.leave_globex()
        tenants = [{"id": "org_acme", "name": "Acme"}, {"id": "org_globex", "name": "Globex"}]
        people = [
            person("usr_dora", "dora@acme.example", "org_acme"),
            person("usr_hugo", "hugo@acme.example", "org_acme", "org_globex"),
            person("usr_iris", "iris@elsewhere.example", "org_acme"),
        ]
        await add(made.server, tenants=tenants, people=people)
        yield made


async def test_an_admin_reads_who_would_lose_access_before_the_rule_is_on(place: Place) -> None:
    ada = await from_provider(place)
    page = await ada.open(RULE)

    listed = page.text.partition("Members who would lose access")[2].partition("For emergencies")[0]

    assert "Hugo hugo@acme.example also a member elsewhere" in listed
    assert "Iris iris@elsewhere.example address in none of your domains" in listed
    assert "Dora" not in listed
    assert "Ada" not in listed
    ada = await require(place)
    assert "Members without access" in (await ada.open(RULE)).text


async def test_such_members_are_listed_page_by_page_each_once(place: Place) -> None:
    seen, after = [], ""
    async with place.server.opened.database.reading() as db:
        while True:
            part, after = await list_shut_out(db, "org_acme", ["acme.example"], after=after, most=1)
            seen += [one.person_id for one in part]
            if not after:
                break
    assert seen == ["usr_hugo", "usr_iris"]
