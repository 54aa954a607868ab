"""A person's selection on the consent page (tools, data, time) within the tenant's policy."""

import asyncio
import threading
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlmodel import select

from auth_server.pages.picker.data_choice import NothingChosen, choose_data, offer_data
from auth_server.pages.picker.duration import choose_duration, offer_durations
from auth_server.records.grants.table import Grant
from auth_server.records.tenants.table import Membership, Tenant
from auth_server.rendering.render import Pages
from gatepost.allowed_tools import Toolsets
from gatepost.catalogue import CatalogueDocument, format_catalogue, parse_catalogue
from gatepost.data_scope import contains, parse_data_scope
from support.in_process.auth_server import CATALOGUE, AuthServer
from support.in_process.oauth_client import answer_of

EVERYTHING = "mcp:read mcp:write mcp:admin"
READING = {"list_projects", "list_tasks"}


def ticked(page: Any) -> set[str]:
    """The selected tools."""
    return {name for name, on in page.ticks().items() if on}


async def granted(server: AuthServer) -> Grant:
    """The one grant there is."""
    async with server.opened.database.reading() as db:
        return (await db.execute(select(Grant))).scalar_one()


# --- tools ----------------------------------------------------------------------------------------


def thousands_of_tools() -> CatalogueDocument:
    """A catalogue of 5,100 tools, half of which only read."""
    tools = tuple(
        CATALOGUE.tools[0].model_copy(
            update={
                "name": f"tool_{number}",
                "scope": ("mcp:read", "mcp:write")[number % 2],
                "toolsets": (("read", "write")[number % 2],),
                "read_only": number % 2 == 0,
            }
        )
        for number in range(5_100)
    )
    return CATALOGUE.model_copy(update={"tools": tools, "hash": "f" * 64})


async def test_a_person_chooses_among_thousands_of_tools_while_others_are_served(
    sqlite_server: AuthServer, read_token: Any, monkeypatch: Any
) -> None:
    """The page is not made in the thread that serves others."""
    sqlite_server.catalogue = thousands_of_tools()
    threads: set[int] = set()
    render = Pages.render

    def noted(pages: Pages, template: str, **values: Any) -> str:
        if template == "consent.html":
            threads.add(threading.get_ident())
        return render(pages, template, **values)

    monkeypatch.setattr(Pages, "render", noted)
    client, person = await sqlite_server.client(), sqlite_server.person()

    page = await person.reach_consent(client.authorize_url())
    page = await person.press(page, "Everything requested")
    left = await person.press(page, "Approve")

    assert threads and threading.get_ident() not in threads
    tokens = (await client.redeem(answer_of(left.moves_on_to or "")["code"])).json()
    claims = await read_token(sqlite_server, tokens["access_token"])
    toolsets = Toolsets.of({tool.name: tool.toolsets for tool in sqlite_server.catalogue.tools})
    assert len(toolsets.expand(claims["allowed_tools"])) == 5_100


async def test_others_are_served_while_thousands_of_tools_are_read_and_written() -> None:
    turns, document = 0, thousands_of_tools()

    async def serve_others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(serve_others())
    assert await parse_catalogue(await format_catalogue(document)) == document
    others.cancel()

    assert turns >= 2 * 5_100 / 200


async def test_one_button_picks_reading_all_but_deleting_or_everything_without_javascript(
    auth_server: AuthServer, read_token: Any
) -> None:
    """The other choices stay unchanged."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())

    page = await person.press(page, "Everything requested", untick=["team:design"])
    assert ticked(page) == {tool.name for tool in CATALOGUE.tools}
    page = await person.press(page, "Read and write")
    assert ticked(page) == {*READING, "create_task"}
    page = await person.press(page, "Read only")
    assert ticked(page) == READING
    assert page.ticks("data") == {"team:design": False, "team:engineering": True}
    left = await person.press(page, "Approve")

    tokens = (await client.redeem(answer_of(left.moves_on_to or "")["code"])).json()
    claims = await read_token(auth_server, tokens["access_token"])
    assert (claims["scope"], set(claims["allowed_tools"])) == ("mcp:read", READING)
    assert claims["data_scope"] == "team:engineering"


async def test_a_request_for_reading_only_does_not_show_presets(auth_server: AuthServer) -> None:
    client = await auth_server.client()
    page = await auth_server.person().reach_consent(client.authorize_url(scope="mcp:read"))

    labels = [label for label, *_ in page.forms["/consent"].buttons]
    assert labels == ["Approve", "Deny"]


async def test_an_unknown_preset_keeps_the_selected_tools(auth_server: AuthServer) -> None:
    """A11."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url(scope="mcp:read"))
    fields = [*page.forms["/consent"].fields.items(), ("tool", "list_tasks")]

    for name in ("all", "read", "everything", "x" * 3000):
        again = await person.send(page, "/consent", [*fields, ("preset", name)])
        assert (again.status, again.moves_on_to, ticked(again)) == (200, None, {"list_tasks"})


async def test_the_grant_stores_the_shown_list_and_the_selection(
    auth_server: AuthServer,
) -> None:
    """The grant has the shown list's hash and the selection; A48."""
    client = await auth_server.client()
    await client.connect(auth_server.person(), untick=["create_task", "team:design"])

    grant = await granted(auth_server)

    assert (grant.catalogue_hash, grant.asked_scope) == (CATALOGUE.hash, "mcp:read mcp:write")
    assert (grant.tools, grant.scope) == (["list_projects", "list_tasks"], "mcp:read")
    assert grant.data_scope == "team:engineering"
    assert grant.redirect_host == "127.0.0.1:3999"
    assert grant.client_snapshot == {"name": "Test client", "source": "dynamic"}


# --- data -----------------------------------------------------------------------------------------


async def test_an_approval_without_data_is_asked_again_and_gives_nothing(
    auth_server: AuthServer,
) -> None:
    """An empty data scope would restrict nothing."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())

    again = await person.press(page, "Approve", untick=["team:design", "team:engineering"])

    assert (again.status, again.moves_on_to) == (400, None)
    assert "Select at least one team" in again.text
    assert again.ticks("data") == {"team:design": False, "team:engineering": False}


@pytest.mark.parametrize("entry", ["team:sales", "team:", "team:*", "region:eu", "team", "*"])
async def test_data_beyond_the_persons_own_cannot_be_added_a53(
    auth_server: AuthServer, entry: str
) -> None:
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    form = page.forms["/consent"]
    fields = [*form.fields.items(), ("decision", "approve"), ("tool", "list_tasks")]

    left = await person.send(page, "/consent", [*fields, ("data", entry)])
    assert (left.status, left.moves_on_to) == (400, None)
    left = await person.send(page, "/consent", [*fields, ("data", entry), ("data", "team:design")])

    assert left.moves_on_to
    assert (await granted(auth_server)).data_scope == "team:design"


async def test_a_person_without_restrictions_reads_that_the_app_sees_all_their_data(
    auth_server: AuthServer,
) -> None:
    client, bo = await auth_server.client(), auth_server.person("bo@globex.example")

    page = await bo.reach_consent(client.authorize_url())

    assert "Everything you can see in Globex." in page.text
    assert page.ticks("data") == {}


@pytest.mark.both_databases
async def test_data_that_was_left_out_stays_left_out_when_the_membership_is_widened(
    auth_server: AuthServer, change_row: Any
) -> None:
    """A49: neither another team nor a lifted restriction adds data without consent."""
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person, untick=["team:design"])
    key = ("usr_ada", "org_acme")

    await change_row(
        auth_server, Membership, key, data_scope="team:design team:engineering team:hr"
    )
    page = await person.reach_consent(client.authorize_url())
    assert page.ticks("data") == {
        "team:design": False,
        "team:engineering": True,
        "team:hr": False,
    }
    await change_row(auth_server, Membership, key, data_scope="")
    page = await person.reach_consent(client.authorize_url())
    assert page.ticks("data") == {"team:engineering": True, "team:": False}
    await person.press(page, "Approve")
    assert (await granted(auth_server)).data_scope == "team:engineering"
    page = await person.reach_consent(client.authorize_url())
    await person.press(page, "Approve", tick=["team:"])

    assert (await granted(auth_server)).data_scope == ""


@pytest.mark.parametrize("held", ["", "team:a", "team:a team:b", "team:a team:b region:eu"])
@pytest.mark.parametrize("before", [None, "team:a", "region:eu team:b", "team:z"])
@pytest.mark.parametrize("entries", [set(), {"team:a"}, {"team:a", "team:"}, {"region:"}])
def test_no_choice_is_ever_wider_than_the_membership(
    held: str, before: str | None, entries: set[str]
) -> None:
    membership = parse_data_scope(held)
    offer = offer_data(membership, None if before is None else parse_data_scope(before))

    try:
        chosen = choose_data(offer, entries)
    except NothingChosen as kind:
        assert str(kind) in {"team", "region"}
    else:
        assert contains(membership, chosen)


# --- time -----------------------------------------------------------------------------------------


async def test_a_connection_ends_at_the_persons_chosen_time(auth_server: AuthServer) -> None:
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    left = await person.press(page, "Approve", fill={"lasts": "604800"})
    tokens = (await client.redeem(answer_of(left.moves_on_to or "")["code"])).json()

    auth_server.clock.advance(days=6, hours=23)
    alive = await client.refresh(tokens["refresh_token"])
    auth_server.clock.advance(hours=1)
    over = await client.refresh(alive.json()["refresh_token"])

    assert (alive.status_code, over.status_code) == (200, 400)


@pytest.mark.parametrize("lasts", ["", "-1", "0", "x", "9" * 11, "9" * 40, "31536000", "²"])
async def test_no_time_beyond_the_longest_can_be_asked_in(
    auth_server: AuthServer, lasts: str
) -> None:
    """A11."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())

    await person.press(page, "Approve", fill={"lasts": lasts})

    grant = await granted(auth_server)
    assert grant.expires_at - grant.approved_at <= timedelta(days=180)


def test_the_longest_time_that_is_allowed_is_the_last_on_offer() -> None:
    offered = offer_durations(timedelta(days=45))
    assert [time.days for time in offered] == [1, 7, 30, 45]
    assert choose_duration(offered, str(40 * 86400)) == timedelta(days=30)
    assert offer_durations(timedelta(hours=2)) == (timedelta(hours=2),)


# --- the tenant's policy --------------------------------------------------------------------------


async def test_where_apps_may_only_read_nothing_else_is_on_offer(
    auth_server: AuthServer, change_row: Any
) -> None:
    await change_row(auth_server, Tenant, "org_acme", read_only=True)
    client, person = await auth_server.client(), auth_server.person()

    page = await person.reach_consent(client.authorize_url(scope=EVERYTHING))

    assert set(page.ticks()) == READING
    assert "2 tools are unavailable: Acme only allows apps to read data." in page.text
    fields = [*page.forms["/consent"].fields.items(), ("decision", "approve")]
    chosen = [("tool", "list_tasks"), ("tool", "create_task"), ("data", "team:design")]
    assert (await person.send(page, "/consent", [*fields, *chosen])).moves_on_to
    assert (await granted(auth_server)).tools == ["list_tasks"]


async def test_the_tenants_longest_grant_is_the_longest_on_offer(
    auth_server: AuthServer, change_row: Any
) -> None:
    await change_row(auth_server, Tenant, "org_acme", longest_grant=10 * 86400)
    client, person = await auth_server.client(), auth_server.person()

    page = await person.reach_consent(client.authorize_url())

    assert "Acme allows at most 10 days." in page.text
    await person.press(page, "Approve")
    grant = await granted(auth_server)
    assert grant.expires_at - grant.approved_at == timedelta(days=10)


async def test_a_policy_that_changed_between_page_and_answer_is_asked_about_again_a53(
    auth_server: AuthServer, change_row: Any
) -> None:
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())

    await change_row(auth_server, Tenant, "org_acme", read_only=True)
    refused = await person.press(page, "Approve")
    assert (refused.status, refused.moves_on_to) == (403, None)
    await change_row(auth_server, Tenant, "org_acme", read_only=False, allowed_clients=[])
    refused = await person.press(page, "Approve")

    assert (refused.status, refused.moves_on_to) == (403, None)
    assert "Acme does not allow" in refused.text


async def test_an_app_that_the_tenant_does_not_allow_is_turned_back_and_another_tenant_is_offered(
    auth_server: AuthServer, change_row: Any
) -> None:
    await change_row(auth_server, Tenant, "org_acme", allowed_clients=["claude.ai"])
    client, person = await auth_server.client(), auth_server.person()

    page = await person.reach_consent(client.authorize_url())
    assert (page.status, "Acme does not allow Test client" in page.text) == (403, True)
    assert "Approve" not in page.text
    switched = await person.press(page, "Globex")
    assert "wants to access Orbit" in switched.text
    url = client.authorize_url()
    page = await person.reach_consent(url)
    left = await person.press(page, "Back to Test client")

    assert answer_of(left.moves_on_to or "")["error"] == "access_denied"


async def test_the_form_that_turns_back_is_proven_too_a38(
    auth_server: AuthServer, change_row: Any
) -> None:
    await change_row(auth_server, Tenant, "org_acme", allowed_clients=[])
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    transaction = page.forms["/consent"].fields["transaction"]

    for proof in ("", "x", page.forms["sign-out"].fields["proof"]):
        data = [("transaction", transaction), ("proof", proof), ("decision", "deny")]
        refused = await person.send(page, "/consent", data)
        assert (refused.status, refused.moves_on_to) == (403, None)


async def test_a_request_that_reaches_no_tool_can_only_be_denied(auth_server: AuthServer) -> None:
    auth_server.catalogue = CATALOGUE.model_copy(update={"tools": CATALOGUE.tools[:2]})
    client, person = await auth_server.client(), auth_server.person()

    page = await person.reach_consent(client.authorize_url(scope="mcp:read"))

    assert "No tool matches this request" in page.text
    assert [label for label, *_ in page.forms["/consent"].buttons] == ["Deny"]
    assert urlsplit((await person.press(page, "Deny")).moves_on_to or "").query.count("error=") == 1
