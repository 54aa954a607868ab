"""What a tenant lets its provider connect is one API's tool, whatever takes its name."""

from collections.abc import AsyncIterator

import pytest

from auth_server.records.grants.store import list_live_grants
from auth_server.records.tenant_apps.table import AppCeiling
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import RESOURCE
from support.in_process.clock import Clock
from support.in_process.customers_place import Place, running_place
from support.in_process.directory import add_directory
from support.in_process.names_of_apis import ORBIT, TAKEN, switch
from support.in_process.person import Page, Person
from support.in_process.tenant_apps import APP, App, add_app, set_app

READ = frozenset({"list_projects", "list_tasks"})


@pytest.fixture
async def place(database_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server where Ada is an admin of Acme alone, with a gateway of two APIs."""
    async with running_place(database_url, clock) as made:
        await made.leave_globex()
        await switch(made.server, ORBIT)
        yield made


@pytest.fixture
async def app(place: Place) -> App:
    """An app that Acme connects with the tools that read."""
    made = await add_app(place)
    await set_app(place, ceilings=(AppCeiling("", READ, ""),))
    return made


async def ada_at(place: Place, path: str) -> tuple[Person, Page]:
    """Sign Ada in with a password, and open a page of her account."""
    ada = place.server.person()
    await ada.sign_in(await ada.open("/sign-in?return_to=/account/apps&password=yes"))
    return ada, await ada.open(path)


@pytest.mark.both_databases
async def test_an_organisations_ceiling_opens_no_tool_of_an_api_that_takes_the_name_a399(
    place: Place, app: App
) -> None:
    assert (await app.connect())["allowed_tools"] == sorted(READ)

    await switch(place.server, TAKEN)
    assert (await app.connect())["allowed_tools"] == ["list_projects"]
    # The organisation names it again, and so Billing's tool.
    await set_app(place, ceilings=(AppCeiling("", READ, ""),))
    assert (await app.connect())["allowed_tools"] == sorted(READ)
    await switch(place.server, ORBIT)
    assert (await app.connect())["allowed_tools"] == ["list_projects"]


async def test_a_member_adds_nothing_that_took_a_name_of_the_ceiling_a399(
    place: Place, app: App
) -> None:
    await app.connect()
    await switch(place.server, TAKEN)

    ada, page = await ada_at(place, "/account/apps")
    page = await ada.open(next(link for link in page.links if "/account/app?grant=" in link))
    form = page.forms["/account/app"]
    assert ("tool", "list_tasks") not in form.checkboxes
    fields = [*form.fields.items(), ("decision", "save")]
    fields += [(name, value) for (name, value), on in form.checkboxes.items() if on]
    await ada.send(page, "/account/app", [*fields, ("tool", "list_tasks")])
    assert (await app.connect())["allowed_tools"] == ["list_projects"]


async def test_an_admin_who_saves_the_form_again_does_not_allow_what_took_a_name_a399(
    place: Place, app: App
) -> None:
    await switch(place.server, TAKEN)

    ada, page = await ada_at(place, "/account/organisation/apps?tenant=org_acme")
    fields = page.forms["set-1"].fields
    assert (fields["access0"], fields["tools0"]) == ("named", "list_projects")
    page = await ada.press(page, "Save Claude for Work", fill={"data0": "team:design"})
    assert "can connect this app now" in page.text
    assert (await app.connect())["allowed_tools"] == ["list_projects"]


async def test_a_program_that_stores_again_what_it_read_allows_nothing_that_took_a_name_a399(
    place: Place, app: App
) -> None:
    await switch(place.server, TAKEN)
    api = await admin_api(place.server)

    (listed,) = (await api.call("GET", "/tenants/org_acme/apps")).json()
    body = {"client_id": APP, "resource": RESOURCE, "ceilings": listed["ceilings"]}
    answer = await api.call("PUT", "/tenants/org_acme/apps", json=body)
    assert answer.status_code == 200, answer.text
    assert (await app.connect())["allowed_tools"] == ["list_projects"]


async def test_a_change_of_groups_keeps_no_tool_of_another_api_than_the_ceilings_a399(
    place: Place,
) -> None:
    """Ada's connection has Billing's tool, and the organisation has named Orbit's since."""
    ceilings = (AppCeiling("interns", READ, ""), AppCeiling("", READ, ""))
    app, scim = await add_app(place), await add_directory(place)
    ada = str((await scim.create("ada@acme.example"))["id"])
    interns = await scim.group("interns")
    await switch(place.server, TAKEN)
    await set_app(place, ceilings=ceilings)
    assert (await app.connect(groups=[]))["allowed_tools"] == sorted(READ)
    await switch(place.server, ORBIT)
    await set_app(place, ceilings=ceilings)

    join = {"op": "add", "path": "members", "value": [{"value": ada}]}
    assert (await scim.patch(f"/Groups/{interns}", join)).status_code == 204
    async with place.server.opened.database.reading() as db:
        (grant,) = [one for one in await list_live_grants(db, person_id="usr_ada") if one.by_tenant]
    assert grant.tools == ["list_projects"]
