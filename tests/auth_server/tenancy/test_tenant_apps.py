"""What members do with the apps that their organisation connected, and what operators and admins do."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from auth_server.maintenance import maintain
from auth_server.records.grants.store import list_live_grants
from auth_server.records.revocations.store import list_by_names
from auth_server.records.tenant_apps.table import AppCeiling
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.tenancy.change_policy import change_policy
from auth_server.tenancy.tenant_apps import AppKey, end_connection, set_tenant_app
from gatepost.catalogue import CatalogueDocument
from gatepost.revocations import Kind
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import RESOURCE
from support.in_process.clock import Clock
from support.in_process.component import component
from support.in_process.customers_place import Place, running_place
from support.in_process.grants import connect_without_pages
from support.in_process.person import Page, Person
from support.in_process.renamed import FORMER, RENAMED, with_tool
from support.in_process.tenant_apps import APP, App, add_app, set_app

READ, ALL = ["list_projects", "list_tasks"], frozenset({"@read", "@write"})


@pytest.fixture
async def place(sqlite_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server where Ada is an admin of Acme alone, whose provider can sign her in."""
    async with running_place(sqlite_url, clock) as made:
        await made.leave_globex()
        yield made


@pytest.fixture
async def app(place: Place) -> App:
    """An app that Acme connects with all tools."""
    made = await add_app(place)
    await set_app(place, ceilings=(AppCeiling("", ALL, ""),))
    return made


async def ada_at_her_apps(place: Place) -> tuple[Person, Page]:
    """Sign Ada in with a password; return her page of connected apps."""
    ada = place.server.person()
    page = await ada.sign_in(await ada.open("/sign-in?return_to=/account/apps&password=yes"))
    assert page.status == 200, page.text
    return ada, page


async def test_a_person_sees_what_their_organisation_connected_and_allows_less_for_good(
    place: Place, app: App
) -> None:
    first = await app.connect()
    ada, page = await ada_at_her_apps(place)
    assert "Claude for Work" in page.text and "your organisation" in page.text
    page = await ada.open(next(link for link in page.links if "/account/app?grant=" in link))
    assert "Acme connected this app for you" in page.text
    form = page.forms["/account/app"]
    chosen = [*form.fields.items(), ("decision", "save"), ("data", "team:design")]
    kept = [("tool", name) for name in ("create_task", *READ)]
    saved = await ada.send(page, form.action, [*chosen, *kept])
    assert "Saved." in saved.text

    less = await app.connect()
    assert less["allowed_tools"] == ["create_task", *READ] and less["data_scope"] == "team:design"
    assert less["grant_id"] == first["grant_id"] and less["grant_version"] > 1
    # A wider ceiling later, and a new grant, do not undo what she left out.
    await place.assign("org_acme", None)
    await place.assign("org_acme", "acme-id")
    await set_app(place, ceilings=(AppCeiling("", ALL, "team:design team:engineering"),))
    again = await app.connect()
    assert again["grant_id"] != first["grant_id"]
    assert again["allowed_tools"] == ["create_task", *READ] and again["data_scope"] == "team:design"


async def test_a_person_can_not_allow_more_than_their_organisation_a148(
    place: Place, app: App
) -> None:
    await set_app(place, ceilings=(AppCeiling("", frozenset({"@read"}), "team:design"),))
    await app.connect()
    ada, page = await ada_at_her_apps(place)
    page = await ada.open(next(link for link in page.links if "/account/app?grant=" in link))
    assert "Delete task" not in page.text and "engineering" not in page.text
    form = page.forms["/account/app"]
    chosen = [*form.fields.items(), ("decision", "save")]
    more = [("tool", name) for name in ("delete_task", *READ)]
    data = [("data", "team:design"), ("data", "team:engineering"), ("data", "team:")]
    await ada.send(page, form.action, [*chosen, *more, *data])
    async with place.server.opened.database.reading() as db:
        (grant,) = await list_live_grants(db, tenant_id="org_acme")
    assert grant.tools == READ and grant.data_scope == "team:design"
    assert (await app.connect())["allowed_tools"] == READ


async def test_what_a_person_ended_stays_ended_until_they_allow_it_again(
    place: Place, app: App
) -> None:
    claims = await app.connect()
    ada, page = await ada_at_her_apps(place)
    page = await ada.press(page, "Disconnect Claude for Work")
    assert "Ended connections of your organisation" in page.text
    async with place.server.opened.database.reading() as db:
        named: list[tuple[Kind, str]] = [("grant", claims["grant_id"])]
        assert await list_by_names(db, named, now=place.server.clock())
    assert "the person ended" in await app.refused(app.assertion())
    # Neither a changed ceiling nor an admin undoes it.
    await set_app(place)
    assert "the person ended" in await app.refused(app.assertion())
    await ada.press(await ada.open("/account/apps"), "Allow Claude for Work again")
    assert (await app.connect())["grant_id"] != claims["grant_id"]
    assert "Ended connections" not in (await ada.open("/account/apps")).text


async def test_what_a_person_takes_away_or_ends_in_the_saas_stays_so(
    place: Place, app: App
) -> None:
    claims = await app.connect()
    ada, path = await component(place.server), f"/connections/{claims['grant_id']}"

    kept = {"tools": READ, "data": {"team": ["design"]}}
    narrowed = await ada.call("PATCH", path, json=kept)
    assert (narrowed.status_code, narrowed.json()["by_tenant"]) == (200, True)
    less = await app.connect()
    assert less["allowed_tools"] == READ and less["data_scope"] == "team:design"

    assert (await ada.call("DELETE", path)).status_code == 204
    assert "the person ended" in await app.refused(app.assertion())


async def test_what_an_admin_ended_is_not_allowed_again_by_the_member(
    place: Place, app: App
) -> None:
    await app.connect()
    ada, _ = await ada_at_her_apps(place)
    page = await ada.open("/account/organisation?tenant=org_acme")
    await ada.press(page, "Disconnect Claude for Work, Ada Marsh")
    assert "the organisation ended" in await app.refused(app.assertion())
    page = await ada.open("/account/apps")
    assert "An admin ended it." in page.text
    assert not any(action.endswith("/account/app/again") for action in page.forms)


async def test_the_persons_own_connection_and_the_organisations_stand_side_by_side(
    place: Place, app: App
) -> None:
    tokens = await connect_without_pages(place.server, await place.server.client())
    async with place.server.opened.transaction() as db:
        (own,) = await list_live_grants(db, tenant_id="org_acme")
        own.client_id = APP
    claims = await app.connect()
    async with place.server.opened.database.reading() as db:
        found = await list_live_grants(db, tenant_id="org_acme")
    assert sorted(one.by_tenant for one in found) == [False, True]
    assert [one.grant_id for one in found if one.by_tenant] == [claims["grant_id"]]
    assert {(one.client_id, one.resource) for one in found} == {(APP, RESOURCE)}
    assert tokens["refresh_token"]


async def test_an_admin_chooses_the_apps_and_what_each_group_may_do(place: Place) -> None:
    app, opened = await add_app(place), place.server.opened
    await opened.catalogues.read(opened.settings.resources[0])
    ada, _ = await ada_at_her_apps(place)
    page = await ada.open("/account/organisation/apps?tenant=org_acme")
    assert "Acme ID" in page.text and place.server.issuer in page.text
    fill = {
        "client": APP,
        "group1": "engineering",
        "access1": "all",
        "data1": "team:engineering",
        "access0": "named",
        "tools0": "list_tasks, @read",
    }
    page = await ada.press(page, "Connect the app", fill=fill)
    assert "can connect this app now" in page.text and "Claude for Work" in page.text
    assert (await app.connect())["allowed_tools"] == READ
    claims = await app.connect(groups=["engineering"])
    assert claims["allowed_tools"] == ["create_task", "delete_task", *READ]
    assert claims["data_scope"] == "team:engineering"
    # What is wrong is said, and what was given stays in the form.
    wrong = {**fill, "tools0": "no_such_tool"}
    page = await ada.press(page, "Connect the app", fill=wrong)
    assert page.status == 400 and "not a tool or toolset" in page.text
    assert page.forms["set-new"].fields["tools0"] == "no_such_tool"
    # The rows of an app are changed in their own form.
    page = await ada.open("/account/organisation/apps?tenant=org_acme")
    assert page.forms["set-1"].fields["access1"] == "all"
    page = await ada.press(page, "Save Claude for Work", fill={"access1": "read", "access0": ""})
    assert "can connect this app now" in page.text
    assert (await app.connect(groups=["engineering"]))["allowed_tools"] == READ
    assert "groups" in await app.refused(app.assertion())
    page = await ada.press(page, "Stop connecting it Claude for Work")
    assert "no longer connects this app" in page.text
    assert "does not connect this app" in await app.refused(app.assertion(groups=["engineering"]))


async def test_an_admin_allows_again_what_an_admin_ended_but_not_what_the_member_ended(
    place: Place, app: App
) -> None:
    await app.connect()
    ada, _ = await ada_at_her_apps(place)
    page = await ada.open("/account/organisation?tenant=org_acme")
    await ada.press(page, "Disconnect Claude for Work, Ada Marsh")
    page = await ada.open("/account/organisation/apps?tenant=org_acme")
    page = await ada.press(page, "Allow again Claude for Work, ada@acme.example")
    assert "can connect the app for this member again" in page.text
    await app.connect()
    await ada.press(await ada.open("/account/apps"), "Disconnect Claude for Work")
    page = await ada.open("/account/organisation/apps?tenant=org_acme")
    assert "by the member, who can allow it again" in page.text


async def test_operators_set_read_and_end_the_apps_of_a_tenant(place: Place) -> None:
    app = await add_app(place)
    opened = place.server.opened
    await opened.catalogues.read(opened.settings.resources[0])
    api, key = await admin_api(place.server), {"client_id": APP, "resource": RESOURCE}
    change = {**key, "ceilings": [{"tools": ["@read"], "data_scope": "team:design"}]}
    answer = await api.call("PUT", "/tenants/org_acme/apps", json=change)
    (shown,) = answer.json()
    assert (shown["client_name"], shown["provider"]) == ("Claude for Work", "acme-id")
    assert shown["ceilings"] == [{"group": "", "tools": READ, "data_scope": "team:design"}]
    assert (await app.connect())["data_scope"] == "team:design"
    for wrong in (
        {**change, "resource": "https://mcp.other.example/mcp"},
        {**change, "ceilings": []},
        {**change, "ceilings": [{"tools": ["@nothing"]}]},
        {**change, "client_id": "nobody"},
    ):
        assert (await api.call("PUT", "/tenants/org_acme/apps", json=wrong)).status_code == 422, (
            wrong
        )
    assert (await api.call("PUT", "/tenants/org_none/apps", json=change)).status_code == 404
    assert (await api.call("GET", "/tenants/org_acme/apps")).json() == [shown]
    assert (await api.call("DELETE", "/tenants/org_acme/apps", params=key)).status_code == 204
    assert (await api.call("DELETE", "/tenants/org_acme/apps", params=key)).status_code == 404
    assert "does not connect this app" in await app.refused(app.assertion())


async def test_an_operator_sees_a_tenants_apps_in_the_console_and_stops_one(
    place: Place, app: App
) -> None:
    await app.connect()
    olga = place.server.person("op@orbit.example")
    page = await olga.open("/sign-in?return_to=/console/tenant?tenant=org_acme&password=yes")
    await olga.sign_in(page)
    page = await olga.open("/console/tenant?tenant=org_acme")
    assert "Claude for Work" in page.text and "Everybody else: 4 tools, all data" in page.text
    page = await olga.press(page, "Stop connecting it Claude for Work")
    assert "Claude for Work" not in page.text
    assert "does not connect this app" in await app.refused(app.assertion())


async def save(ada: Person, *chosen: tuple[str, str]) -> None:
    """Save a choice on the page of Ada's only connection."""
    page = await ada.open("/account/apps")
    page = await ada.open(next(link for link in page.links if "/account/app?grant=" in link))
    form = page.forms["/account/app"]
    page = await ada.send(page, form.action, [*form.fields.items(), ("decision", "save"), *chosen])
    assert "Saved." in page.text


async def test_data_that_a_person_left_out_stays_out_after_it_was_not_on_offer(
    place: Place, app: App
) -> None:
    await app.connect()
    ada, _ = await ada_at_her_apps(place)
    reading = [("tool", name) for name in READ]
    await save(ada, *reading, ("data", "team:design"))
    # The organisation allows less for a while, and she saves the page again for another reason.
    await set_app(place, ceilings=(AppCeiling("", ALL, "team:design"),))
    await app.connect()
    await save(ada, reading[0])
    await set_app(place, ceilings=(AppCeiling("", ALL, ""),))
    less = await app.connect()
    assert (less["allowed_tools"], less["data_scope"]) == (READ[:1], "team:design")
    # She alone allows it again.
    await save(ada, *reading, ("data", "team:design"), ("data", "team:engineering"))
    again = await app.connect()
    assert (again["allowed_tools"], again["data_scope"]) == (READ, "team:design team:engineering")


async def test_what_a_rule_took_away_is_not_what_the_person_left_out(
    place: Place, app: App
) -> None:
    await app.connect()
    ada, _ = await ada_at_her_apps(place)
    opened = place.server.opened

    async def rule(*, read_only: bool) -> None:
        async with opened.transaction() as db:
            await change_policy(
                db,
                "org_acme",
                TenantPolicy(read_only=read_only),
                by=None,
                lifetime=opened.settings.longest_token_lifetime,
                now=place.server.clock(),
            )

    await rule(read_only=True)
    await app.connect()
    await save(ada, ("tool", "list_tasks"), ("data", "team:design"), ("data", "team:engineering"))
    await rule(read_only=False)
    assert (await app.connect())["allowed_tools"] == ["create_task", "delete_task", "list_tasks"]


async def test_a_member_does_not_take_over_what_an_admin_ended_at_the_same_moment(
    place: Place, app: App
) -> None:
    await app.connect()
    opened, now = place.server.opened, place.server.clock()
    async with opened.transaction() as db:
        (grant,) = await list_live_grants(db, tenant_id="org_acme")
        lifetime = opened.settings.longest_token_lifetime
        assert await end_connection(db, grant, "admin", lifetime=lifetime, now=now)
        # Her request found the connection while it was live.
        assert not await end_connection(db, grant, "person", lifetime=lifetime, now=now)
    _, page = await ada_at_her_apps(place)
    assert "An admin ended it." in page.text
    assert "the organisation ended" in await app.refused(app.assertion())


async def test_a_lowered_ceiling_ends_the_token_that_an_assertion_got_just_before(
    place: Place, app: App
) -> None:
    opened, asked_at = place.server.opened, place.server.clock()
    # The admin's request waits for the tenant, which the assertion has locked.
    place.server.clock.advance(seconds=3)
    claims = await app.connect()
    async with opened.transaction() as db:
        await set_tenant_app(
            db,
            AppKey("org_acme", APP, RESOURCE),
            (AppCeiling("", frozenset({"@read"}), ""),),
            issuers=opened.settings.providers_with_own_issuer,
            by="usr_ada",
            lifetime=opened.settings.longest_token_lifetime,
            now=asked_at,
        )
    async with opened.database.reading() as db:
        named: list[tuple[Kind, str]] = [("tenant", "org_acme")]
        (told,) = await list_by_names(db, named, now=place.server.clock())
    assert told.below is not None and claims["iat"] < told.below


async def serve(place: Place, *catalogues: CatalogueDocument) -> None:
    """Let the gateway serve one list of tools after the other."""
    for catalogue in catalogues:
        place.server.catalogue = catalogue
        place.server.clock.advance(minutes=1)
        await maintain(place.server.opened)


async def choose(place: Place, *tools: str) -> None:
    """Let Ada choose the tools of her connection in her list of connected apps."""
    ada, page = await ada_at_her_apps(place)
    page = await ada.open(next(link for link in page.links if "/account/app?grant=" in link))
    form = page.forms["/account/app"]
    fields = [(name, value) for name, value in form.fields.items() if name != "tool"]
    chosen = [*fields, ("decision", "save"), ("data", "team:design"), ("data", "team:engineering")]
    saved = await ada.send(page, form.action, [*chosen, *(("tool", name) for name in tools)])
    assert "Saved." in saved.text, saved.text


async def test_a_renamed_tool_stays_in_what_the_organisation_connects(place: Place) -> None:
    await serve(place, FORMER)
    app = await add_app(place)
    await set_app(place, ceilings=(AppCeiling("", frozenset({"list_tasks"}), ""),))
    assert (await app.connect())["allowed_tools"] == ["list_tasks"]

    await serve(place, RENAMED)

    assert (await app.connect())["allowed_tools"] == ["find_tasks"]


@pytest.mark.parametrize("needs_more", [{}, {"destructive": True, "read_only": False}])
async def test_a_tool_that_a_person_left_out_does_not_come_back_under_another_name_a396(
    place: Place, needs_more: dict[str, Any]
) -> None:
    """Not even once an admin names it in the list, and the manifest has forgotten its former name."""
    await serve(place, FORMER)
    app = await add_app(place)
    await set_app(place, ceilings=(AppCeiling("", ALL, ""),))
    await app.connect()
    await choose(place, "list_projects")

    await serve(place, with_tool("2", "find_tasks", former=("list_tasks",), **needs_more))
    await set_app(place, ceilings=(AppCeiling("", ALL, ""),))
    assert (await app.connect())["allowed_tools"] == ["list_projects"]
    await serve(place, with_tool("3", "find_tasks", **needs_more))
    assert (await app.connect())["allowed_tools"] == ["list_projects"]


async def test_a_person_who_allows_a_renamed_tool_that_they_had_left_out_gets_it(
    place: Place,
) -> None:
    await serve(place, FORMER)
    app = await add_app(place)
    await set_app(place, ceilings=(AppCeiling("", ALL, ""),))
    await app.connect()
    await choose(place, "list_projects")
    await serve(place, RENAMED)
    await set_app(place, ceilings=(AppCeiling("", ALL, ""),))
    await app.connect()

    await choose(place, "list_projects", "find_tasks")

    assert (await app.connect())["allowed_tools"] == ["find_tasks", "list_projects"]
