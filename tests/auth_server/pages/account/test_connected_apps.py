"""Connected apps: only the person who allowed them sees, changes and disconnects them."""

from typing import Any

import pytest
from sqlmodel import col, select

from auth_server.records.audit.table import AuditEntry
from auth_server.records.call_log.store import add_calls
from auth_server.records.grants.table import Grant
from auth_server.records.tenants.table import Membership, Tenant
from auth_server.settings import ResourceSettings
from gatepost.catalogue import CatalogueDocument
from support.in_process.auth_server import (
    CATALOGUE,
    RESOURCE,
    AuthServer,
    running_auth_server,
)
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.person import Page, Person
from support.in_process.revocations import GATEWAY, ask_in_process, following

APPS, APP = "/account/apps", "/account/app"


def ticks(page: Page, box: str = "tool") -> dict[str, bool]:
    """The offered tools and the selected ones."""
    boxes = page.forms[APP].checkboxes.items()
    return {value: ticked for (name, value), ticked in boxes if name == box}


async def only_grant(server: AuthServer) -> Grant:
    """The one grant there is."""
    async with server.opened.database.reading() as db:
        return (await db.execute(select(Grant))).scalar_one()


async def open_app(server: AuthServer, person: Person) -> Page:
    """Open the page of the one connection."""
    return await person.open(f"{APP}?grant={(await only_grant(server)).grant_id}")


@pytest.mark.both_databases
async def test_a_person_sees_what_they_connected_and_how_it_was_used(
    auth_server: AuthServer,
) -> None:
    client, person = await auth_server.client(client_name="Notes"), auth_server.person()
    await client.connect(person, tick=["delete_task"], untick=["team:design"])
    grant, now = await only_grant(auth_server), auth_server.clock
    calls = [call_event(now(), grant_id=grant.grant_id) for _ in range(3)]
    auth_server.clock.advance(days=31)
    calls += [call_event(now(), grant_id=grant.grant_id) for _ in range(2)]
    calls += [call_event(now(), grant_id="grant_of_somebody_else")]
    async with auth_server.opened.transaction() as db:
        await add_calls(db, calls)

    page = await person.sign_in(await person.open(APPS))

    for shown in (
        "Notes unverified",
        "Acme",
        "Orbit",
        "2 read tools, 1 write tool, 1 delete tool",
        "team engineering",
        "2 calls",
        f"{now():%Y-%m-%d %H:%M} UTC",
    ):
        assert shown in page.text, shown


async def test_a_person_without_connections_is_told_where_they_begin(
    auth_server: AuthServer,
) -> None:
    person = auth_server.person()
    page = await person.sign_in(await person.open(APPS))

    assert "No connected apps yet" in page.text


@pytest.mark.both_databases
async def test_removing_a_tool_and_data_applies_at_the_next_refresh(
    auth_server: AuthServer, read_token: Any
) -> None:
    """A48."""
    client, person = await auth_server.client(), auth_server.person()
    tokens = await client.connect(person)
    page = await open_app(auth_server, person)

    saved = await person.press(
        page, "Save", untick=["create_task", "list_projects", "team:engineering"]
    )
    after = (await client.refresh(tokens["refresh_token"])).json()

    assert "Saved" in saved.text
    assert [name for name, on in ticks(saved).items() if on] == ["list_tasks"]
    claims = await read_token(auth_server, after["access_token"])
    assert (claims["allowed_tools"], claims["scope"]) == (["list_tasks"], "mcp:read")
    assert (claims["data_scope"], claims["grant_version"]) == ("team:design", 2)


async def test_a_person_can_add_tools_later_without_the_app(
    auth_server: AuthServer, read_token: Any
) -> None:
    """Within the app's request, without another request."""
    client, person = await auth_server.client(), auth_server.person()
    tokens = await client.connect(person, untick=["create_task", "team:design"])
    page = await open_app(auth_server, person)
    assert ticks(page)["create_task"] is False
    assert ticks(page, "data") == {"team:design": False, "team:engineering": True}

    await person.press(page, "Save", tick=["create_task", "team:design"])
    after = (await client.refresh(tokens["refresh_token"])).json()

    claims = await read_token(auth_server, after["access_token"])
    assert claims["scope"] == after["scope"] == "mcp:read mcp:write"
    assert "create_task" in claims["allowed_tools"]
    assert claims["data_scope"] == "team:design team:engineering"


async def reading_app(client: OAuthClient, person: Person) -> dict[str, Any]:
    """Connect an app that asks for reading only."""
    page = await person.reach_consent(client.authorize_url(scope="mcp:read"))
    approved = await person.press(page, "Approve")
    tokens = (await client.redeem(answer_of(approved.moves_on_to or "")["code"])).json()
    return dict(tokens)


async def open_link(server: AuthServer, person: Person, tool: str) -> Page:
    """Open the link that the gateway gives for a tool whose scope is missing."""
    return await person.open(f"{APP}?grant={(await only_grant(server)).grant_id}&tool={tool}")


async def test_a_link_offers_the_one_tool_that_an_app_could_not_ask_for(
    auth_server: AuthServer, read_token: Any
) -> None:
    """The gateway gives it to people of older clients."""
    client, person = await auth_server.client(), auth_server.person()
    tokens = await reading_app(client, person)
    page = await open_link(auth_server, person, "create_task")
    requested, _, other = page.text.partition("Not requested when the app connected")
    assert "Create task" not in requested and "Create task" in other
    assert ticks(page) == {"list_projects": True, "list_tasks": True, "create_task": False}

    saved = await person.press(page, "Save", tick=["create_task"])
    after = (await client.refresh(tokens["refresh_token"])).json()

    assert ticks(saved) == {"list_projects": True, "list_tasks": True, "create_task": True}
    claims = await read_token(auth_server, after["access_token"])
    assert claims["scope"] == after["scope"] == "mcp:read mcp:write"
    # Deleting needs the same scope, and was not on the page.
    assert claims["allowed_tools"] == ["create_task", "list_projects", "list_tasks"]
    again = (await client.refresh(after["refresh_token"])).json()
    assert again["scope"] == "mcp:read mcp:write"

    # The app asks again for less, and later for more: the added tool stays, the other is new.
    await reading_app(client, person)
    page = await person.reach_consent(client.authorize_url())
    assert page.ticks() == {**ticks(saved), "delete_task": False}
    assert "Delete task" in page.text.partition("Your earlier choices")[0]


@pytest.mark.parametrize("tool", ["nothing", "purge", "list_tasks"])
async def test_a_link_offers_nothing_that_nobody_may_ask_for(
    database_url: str, clock: Clock, tool: str
) -> None:
    only = ResourceSettings(resource=RESOURCE, scopes=("mcp:read", "mcp:write"))
    async with running_auth_server(database_url, clock, resources=(only,)) as server:
        purge = CATALOGUE.tools[0].model_copy(update={"name": "purge", "scope": "mcp:admin"})
        tools = (*CATALOGUE.tools, purge)
        server.catalogue = CATALOGUE.model_copy(update={"hash": "9" * 64, "tools": tools})
        client, person = await server.client(), server.person()
        await reading_app(client, person)
        page = await open_link(server, person, tool)

        assert set(ticks(page)) == {"list_projects", "list_tasks"}


async def test_saving_other_changes_gives_a_window_no_scope_that_another_asked_for(
    auth_server: AuthServer,
) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    narrow = await reading_app(client, person)

    await person.press(await open_app(auth_server, person), "Save", untick=["team:design"])

    assert (await client.refresh(narrow["refresh_token"])).json()["scope"] == "mcp:read"


async def test_a_preset_works_here_too_without_javascript(auth_server: AuthServer) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    page = await open_app(auth_server, person)

    page = await person.press(page, "Read only")
    assert (await only_grant(auth_server)).version == 1
    await person.press(page, "Save")

    assert (await only_grant(auth_server)).tools == ["list_projects", "list_tasks"]


@pytest.mark.both_databases
async def test_more_than_the_app_asked_for_or_the_person_has_can_not_be_given_a49(
    auth_server: AuthServer, change_row: Any
) -> None:
    """Neither tools beyond the requested scopes, nor data beyond the membership or the policy."""
    client, person = await auth_server.client(), auth_server.person()
    await person.approve(client.authorize_url(scope="mcp:read"))
    page = await open_app(auth_server, person)
    assert set(ticks(page)) == {"list_projects", "list_tasks"}
    fields = [*page.forms[APP].fields.items(), ("tool", "list_tasks"), ("data", "team:design")]

    smuggled = [("tool", "create_task"), ("tool", "@write"), ("data", "team:sales")]
    named = await person.send(page, APP, [*fields, *smuggled, ("also", "create_task")])
    assert named.status == 403
    await person.send(page, APP, [*fields, *smuggled])
    grant = await only_grant(auth_server)
    assert (grant.tools, grant.scope, grant.data_scope) == (
        ["list_tasks"],
        "mcp:read",
        "team:design",
    )

    await change_row(auth_server, Tenant, "org_acme", read_only=True)
    await change_row(auth_server, Membership, ("usr_ada", "org_acme"), data_scope="team:design")
    page = await open_app(auth_server, person)

    assert ticks(page, "data") == {}


@pytest.mark.both_databases
async def test_a_tool_that_came_later_is_offered_here_and_off_a165(auth_server: AuthServer) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    later = CATALOGUE.tools[3].model_copy(update={"name": "list_later"})
    auth_server.catalogue = CatalogueDocument(
        resource=CATALOGUE.resource, name="Orbit", hash="9" * 64, tools=(*CATALOGUE.tools, later)
    )

    page = await open_app(auth_server, person)
    assert ticks(page)["list_later"] is False
    await person.press(page, "Save", tick=["list_later"])

    grant = await only_grant(auth_server)
    assert "list_later" in grant.tools
    assert grant.catalogue_hash == "9" * 64


@pytest.mark.parametrize("what", ["tool", "team"])
async def test_an_empty_selection_is_not_saved(auth_server: AuthServer, what: str) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    page = await open_app(auth_server, person)
    boxes = ticks(page) if what == "tool" else ticks(page, "data")

    refused = await person.press(page, "Save", untick=list(boxes))

    assert refused.status == 400
    assert f"Select at least one {what}" in refused.text
    assert (await only_grant(auth_server)).version == 1


@pytest.mark.both_databases
async def test_saving_without_changes_changes_nothing(auth_server: AuthServer) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)

    await person.press(await open_app(auth_server, person), "Save")

    assert (await only_grant(auth_server)).version == 1


@pytest.mark.both_databases
async def test_of_two_open_pages_the_second_is_asked_to_look_again(
    auth_server: AuthServer,
) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    first, second = [await open_app(auth_server, person) for _ in range(2)]

    await person.press(first, "Save", untick=["create_task"])
    refused = await person.press(second, "Save", untick=["list_tasks"])

    assert refused.status == 403
    assert (await only_grant(auth_server)).version == 2


@pytest.mark.both_databases
async def test_disconnecting_an_app_is_permanent(auth_server: AuthServer) -> None:
    client, person = await auth_server.client(), auth_server.person()
    tokens = await client.connect(person)
    page = await person.open(APPS)

    after = await person.press(page, "Disconnect Test client")
    refused = await client.refresh(tokens["refresh_token"])

    assert "No connected apps yet" in after.text
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await only_grant(auth_server)).revoked_reason == "ended by the person"


@pytest.mark.parametrize("button", ["Disconnect Test client", "Save"])
async def test_a_gateway_learns_of_changes_on_the_page(
    database_url: str, clock: Clock, button: str
) -> None:
    async with running_auth_server(database_url, clock, resources=(GATEWAY,)) as server:
        client, person = await server.client(), server.person()
        token = (await client.connect(person))["access_token"]
        async with following(ask_in_process(lambda: server), clock) as gateway:
            await person.press(await open_app(server, person), button, untick=["create_task"])
            await gateway.until_ended(token)
            server.app.state.stopping.end_waits()


async def test_another_persons_connection_looks_like_an_unknown_one_a151(
    auth_server: AuthServer,
) -> None:
    """Bo knows the id of Ada's grant, and has his own page and proof."""
    client, ada = await auth_server.client(), auth_server.person()
    await client.connect(ada)
    theirs = await only_grant(auth_server)
    page = await open_app(auth_server, ada)
    bo = auth_server.person("bo@globex.example")
    await bo.sign_in(await bo.open(APPS))

    shown = await bo.open(f"{APP}?grant={theirs.grant_id}")
    never = await bo.open(f"{APP}?grant=grant_nothing")
    assert (shown.status, shown.text) == (never.status, never.text)
    assert shown.status == 404
    for action in (APP, f"{APP}/end"):
        fields = [*page.forms[action].fields.items(), ("tool", "list_tasks")]
        assert (await bo.send(page, action, fields)).status == 404

    assert (await only_grant(auth_server)).version == 1


async def test_the_forms_need_this_sessions_proof_and_origin_a38(auth_server: AuthServer) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    page = await open_app(auth_server, person)
    other = auth_server.person()
    await other.sign_in(await other.open(APPS))
    elsewhere = await open_app(auth_server, other)

    for action in (APP, f"{APP}/end"):
        fields = {**page.forms[action].fields, "tool": "list_tasks", "data": "team:design"}
        wrong = ("", "x", elsewhere.forms[action].fields["proof"])
        swapped = page.forms[APP if action != APP else f"{APP}/end"].fields["proof"]
        for proof in (*wrong, swapped):
            data = list({**fields, "proof": proof}.items())
            assert (await person.send(page, action, data)).status == 403
        person.http.headers["sec-fetch-site"] = "cross-site"
        assert (await person.send(page, action, list(fields.items()))).status == 403
        del person.http.headers["sec-fetch-site"]
    nobody = auth_server.person()
    end = list(page.forms[f"{APP}/end"].fields.items())
    assert "/sign-in" in (await nobody.send(page, f"{APP}/end", end)).url

    grant = await only_grant(auth_server)
    assert (grant.version, grant.revoked_at) == (1, None)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "query", ["", "?grant=", "?grant=%00", "?grant=" + "x" * 4000, "?grant=a&grant=b", "?saved=1"]
)
async def test_no_query_makes_the_page_fail(auth_server: AuthServer, query: str) -> None:
    person = auth_server.person()
    await person.sign_in(await person.open(APPS))

    assert (await person.open(f"{APP}{query}")).status in {400, 404}


@pytest.mark.both_databases
async def test_a_connection_whose_time_is_over_or_whose_tenant_is_closed_is_not_shown_as_live(
    auth_server: AuthServer, change_row: Any
) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    await change_row(auth_server, Tenant, "org_acme", disabled_at=auth_server.clock())
    page = await open_app(auth_server, person)
    assert page.status == 404
    await change_row(auth_server, Tenant, "org_acme", disabled_at=None, longest_grant=3600)

    auth_server.clock.advance(hours=1)

    assert "No connected apps yet" in (await person.open(APPS)).text


@pytest.mark.both_databases
async def test_every_change_is_in_the_audit_log(auth_server: AuthServer) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    await person.press(await open_app(auth_server, person), "Save", untick=["create_task"])
    await person.press(await person.open(APPS), "Disconnect Test client")

    async with auth_server.opened.database.reading() as db:
        query = select(AuditEntry).where(col(AuditEntry.event).startswith("grant."))
        entries = (await db.execute(query.order_by(col(AuditEntry.number)))).scalars().all()
    assert [entry.event for entry in entries] == ["grant.created", "grant.changed", "grant.revoked"]
    assert '"by":"connected apps"' in entries[1].detail


@pytest.mark.parametrize(
    "nasty",
    [
        "<img src=x onerror=alert(1)>",
        "\"'><script>alert(1)</script>",
        "</title></select></details><svg/onload=alert(1)>",
        "{{ 7 * 7 }}{% include '/etc/passwd' %}",
        "%(client)s %s %n",
    ],
)
async def test_markup_in_names_stays_text_on_every_page_of_a_connection_a44(
    auth_server: AuthServer, change_row: Any, nasty: str
) -> None:
    """The names of the app, the organisation, the service and a tool are untrusted text."""
    tools = [tool.model_copy(update={"title": nasty}) for tool in CATALOGUE.tools]
    auth_server.catalogue = CATALOGUE.model_copy(
        update={"name": nasty, "tools": tuple(tools), "hash": "8" * 64}
    )
    await change_row(auth_server, Tenant, "org_acme", name=nasty)
    client, person = await auth_server.client(client_name=nasty), auth_server.person()
    consent = await person.reach_consent(client.authorize_url(scope="mcp:read"), tenant=nasty[:3])
    nothing = await person.press(consent, "Approve", untick=list(consent.ticks()))
    left = await person.press(consent, "Approve")
    pages = [consent, nothing, left, await person.open(APPS), await open_app(auth_server, person)]
    pages.append(await person.reach_consent(client.authorize_url()))
    await change_row(auth_server, Tenant, "org_acme", allowed_clients=[])
    pages.append(await person.reach_consent(client.authorize_url()))

    for page in pages:
        assert nasty in page.text or nasty in page.html, page.url
        scripts = page.html.count("<script") - page.html.count('<script src="/static/')
        assert scripts == 0, page.url
        assert "<img" not in page.html
        assert "onload=alert(1)>" not in page.html
