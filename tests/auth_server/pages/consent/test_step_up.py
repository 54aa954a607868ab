"""Later requests: the page asks only about additions, and nothing changes without an answer."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlmodel import select

from auth_server.records.grants.table import Grant
from auth_server.records.tenants.table import Membership, Tenant
from auth_server.settings import ResourceSettings
from gatepost.catalogue import CatalogueDocument, ToolSummary
from support.in_process.auth_server import CATALOGUE, RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.operator import add
from support.in_process.person import Page, Person

READ, WRITE, ADMIN = "mcp:read", "mcp:read mcp:write", "mcp:read mcp:write mcp:admin"
READING = {"list_projects", "list_tasks"}
WEB = "https://portal.example/cb"
SECRET = "a-secret-of-43-characters-0123456789-abcdef"


def purge(*, destructive: bool = True) -> ToolSummary:
    """A tool that only an administrator's scope reaches."""
    return ToolSummary(
        name="purge",
        title="Purge",
        description="Purge everything.",
        scope="mcp:admin",
        read_only=False,
        destructive=destructive,
    )


def with_tools(*tools: ToolSummary, version: str = "2") -> CatalogueDocument:
    """A later version of the tool list."""
    return CATALOGUE.model_copy(update={"hash": version * 64, "tools": tools})


def ticked(page: Page) -> set[str]:
    """The selected tools."""
    return {name for name, on in page.ticks().items() if on}


async def granted(server: AuthServer) -> Grant:
    """The one grant there is."""
    async with server.opened.database.reading() as db:
        return (await db.execute(select(Grant))).scalar_one()


async def redeem(client: OAuthClient, page: Page) -> dict[str, Any]:
    """Redeem the code that a page leads back with."""
    body: dict[str, Any] = (await client.redeem(answer_of(page.moves_on_to or "")["code"])).json()
    return body


# --- wider requests -------------------------------------------------------------------------------


async def test_a_wider_request_shows_what_is_new_and_sums_up_what_was_allowed_a49(
    auth_server: AuthServer, read_token: Any
) -> None:
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url(scope=READ))
    await redeem(client, await person.press(page, "Approve", untick=["list_projects"]))

    page = await person.reach_consent(client.authorize_url(scope=WRITE))

    assert "wants more access to Orbit" in page.text
    new, _, before = page.text.partition("Your earlier choices")
    assert "Create task" in new and "Delete task" in new and "List tasks" not in new
    assert "1 of 2 tools" in before and "List tasks" in before
    # The wider request is for changing: those tools are selected, and deleting is not.
    assert ticked(page) == {"list_tasks", "create_task"}
    tokens = await redeem(client, await person.press(page, "Approve"))
    claims = await read_token(auth_server, tokens["access_token"])
    assert (claims["allowed_tools"], claims["scope"], claims["grant_version"]) == (
        ["create_task", "list_tasks"],
        WRITE,
        2,
    )


@pytest.mark.both_databases
async def test_a_refused_tool_stays_refused_in_every_later_request_a49(
    auth_server: AuthServer,
) -> None:
    """A narrower request in between does not change this."""
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person, untick=["create_task"])
    for scope in (READ, WRITE, ADMIN, WRITE):
        page = await person.reach_consent(client.authorize_url(scope=scope))
        assert ticked(page) == READING
        assert "wants to reconnect to Orbit" in page.text
        await person.press(page, "Approve")

    assert set((await granted(auth_server)).tools) == READING


async def test_a_later_tool_starts_unselected_under_a_scope_allowed_before_a165(
    auth_server: AuthServer,
) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    harmless = CATALOGUE.tools[3].model_copy(update={"name": "list_secrets", "title": "Secrets"})
    auth_server.catalogue = with_tools(*CATALOGUE.tools, harmless)

    page = await person.reach_consent(client.authorize_url(scope=WRITE))

    assert (
        "wants more access" in page.text
        and "Secrets" in page.text.partition("Your earlier choices")[0]
    )
    assert ticked(page) == {*READING, "create_task"}


async def test_a_tool_that_became_destructive_needs_consent_again_a165(
    auth_server: AuthServer,
) -> None:
    """The person had allowed the tool when it only read."""
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    turned = [
        tool.model_copy(update={"read_only": False, "destructive": True})
        if tool.name == "list_tasks"
        else tool
        for tool in CATALOGUE.tools
    ]
    auth_server.catalogue = with_tools(*turned)

    page = await person.reach_consent(client.authorize_url(scope=WRITE))

    assert "List tasks" in page.text.partition("Your earlier choices")[0]
    assert ticked(page) == {"list_projects", "create_task"}


@pytest.mark.parametrize("first", [None, READ, WRITE])
async def test_deleting_starts_selected_only_if_a_later_request_is_just_for_it_a166(
    auth_server: AuthServer, first: str | None
) -> None:
    """A request for everything does not preselect deleting; a step-up for it does."""
    auth_server.catalogue = with_tools(*CATALOGUE.tools, purge())
    client, person = await auth_server.client(), auth_server.person()
    if first is not None:
        page = await person.reach_consent(client.authorize_url(scope=first))
        await person.press(page, "Approve")

    page = await person.reach_consent(client.authorize_url(scope=ADMIN))

    assert page.ticks()["purge"] is (first == WRITE)
    assert page.ticks()["delete_task"] is False


# --- what may still be asked for ------------------------------------------------------------------


async def test_a_token_names_the_tools_that_only_a_scope_is_missing_for(
    auth_server: AuthServer, read_token: Any
) -> None:
    """So the gateway lists them, and a call of one asks for the scope."""
    auth_server.catalogue = with_tools(*CATALOGUE.tools, purge())
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url(scope=READ))
    tokens = await redeem(client, await person.press(page, "Approve", untick=["list_projects"]))

    claims = await read_token(auth_server, tokens["access_token"])
    assert set(claims["allowed_tools"]) == {"list_tasks", "create_task", "delete_task", "purge"}
    assert claims["scope"] == tokens["scope"] == READ
    assert (await granted(auth_server)).tools == ["list_tasks"]

    page = await person.reach_consent(client.authorize_url(scope=WRITE))
    tokens = await redeem(client, await person.press(page, "Approve", untick=["create_task"]))
    claims = await read_token(auth_server, tokens["access_token"])
    # Deleting was left unticked, too: the person has decided about both.
    assert set(claims["allowed_tools"]) == {"list_tasks", "purge"}


async def test_a_token_names_no_tool_that_the_tenant_closes_or_that_nobody_may_ask_for(
    database_url: str, clock: Clock, change_row: Any, read_token: Any
) -> None:
    only = ResourceSettings(resource=RESOURCE, scopes=("mcp:read", "mcp:write"))
    async with running_auth_server(database_url, clock, resources=(only,)) as server:
        server.catalogue = with_tools(*CATALOGUE.tools, purge())
        client, person = await server.client(), server.person()
        page = await person.reach_consent(client.authorize_url(scope=READ))
        tokens = await redeem(client, await person.press(page, "Approve"))
        claims = await read_token(server, tokens["access_token"])
        assert set(claims["allowed_tools"]) == {*READING, "create_task", "delete_task"}

        await change_row(server, Tenant, "org_acme", read_only=True)
        after = (await client.refresh(tokens["refresh_token"])).json()
        claims = await read_token(server, after["access_token"])
        assert set(claims["allowed_tools"]) == READING


# --- narrower requests ----------------------------------------------------------------------------


async def test_a_narrower_request_leaves_the_rest_of_the_grant_as_it_was(
    auth_server: AuthServer, read_token: Any
) -> None:
    """Two windows of one app: one asks for reading and gets it, the other keeps writing."""
    client, person = await auth_server.client(), auth_server.person()
    wide = await client.connect(person)

    page = await person.reach_consent(client.authorize_url(scope=READ))
    assert "The app keeps 1 tool that is not in this request" in page.text
    assert set(page.ticks()) == READING
    narrow = await redeem(client, await person.press(page, "Approve", untick=["list_projects"]))

    again = (await client.refresh(wide["refresh_token"])).json()
    claims, less = [await read_token(auth_server, each["access_token"]) for each in (again, narrow)]
    assert (claims["scope"], claims["allowed_tools"]) == (WRITE, ["create_task", "list_tasks"])
    assert less["scope"] == READ
    assert (await granted(auth_server)).asked_scope == WRITE


async def test_a_changed_tool_needs_consent_again_although_the_page_would_hide_it(
    auth_server: AuthServer,
) -> None:
    """The answer includes the summary."""
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    narrow = await person.reach_consent(client.authorize_url(scope=READ))
    wide = await person.reach_consent(client.authorize_url(scope=WRITE))
    await person.press(wide, "Approve", untick=["create_task"])

    refused = await person.press(narrow, "Approve")

    assert (refused.status, refused.moves_on_to) == (403, None)


@pytest.mark.both_databases
async def test_a_tool_that_is_gone_from_the_catalogue_is_not_kept_for_its_successor_a165(
    auth_server: AuthServer,
) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    auth_server.catalogue = with_tools(*CATALOGUE.tools[1:])
    page = await person.reach_consent(client.authorize_url(scope=WRITE))
    await person.press(page, "Approve")

    auth_server.catalogue = with_tools(*CATALOGUE.tools, version="3")
    page = await person.reach_consent(client.authorize_url(scope=WRITE))

    assert "create_task" not in (await granted(auth_server)).tools
    assert page.ticks()["create_task"] is False


# --- requests without a page ----------------------------------------------------------------------


async def vouched_client(server: AuthServer, *redirect_uris: str, **members: Any) -> OAuthClient:
    """A client that the operator vouches for and that authenticates."""
    entry = {
        "client_id": "portal",
        "name": "Portal",
        "redirect_uris": list(redirect_uris or (WEB,)),
        "token_endpoint_auth_method": "client_secret_post",
        "secret": SECRET,
        **members,
    }
    await add(server, clients=[entry])
    client = OAuthClient(server.http, server.issuer, server.resource, "portal")
    client.redirect_uri = (redirect_uris or (WEB,))[0]
    return client


async def led(person: Person, url: str, site: str | None = "none") -> Page:
    """Open a link with a browser's `Sec-Fetch-Site`."""
    if site is not None:
        person.http.headers["sec-fetch-site"] = site
    try:
        page = await person.open(url)
    finally:
        person.http.headers.pop("sec-fetch-site", None)
    return page


def was_asked(page: Page) -> bool:
    """Tell whether the person had to answer."""
    assert (urlsplit(page.url).path, page.status) == ("/consent", 200)
    return page.moves_on_to is None


async def test_a_vouched_client_whose_grant_covers_the_request_is_not_asked_about_again(
    auth_server: AuthServer,
) -> None:
    """Design §4: the page asks again after additions, and here are none."""
    client, person = await vouched_client(auth_server), auth_server.person()
    page = await person.reach_consent(client.authorize_url(scope=WRITE))
    await person.press(page, "Approve", untick=["create_task", "team:design"])

    for scope in (WRITE, READ):
        page = await led(person, client.authorize_url(scope=scope))
        assert not was_asked(page)
        answer = await client.redeem(
            answer_of(page.moves_on_to or "")["code"], client_secret=SECRET
        )
        assert (answer.status_code, answer.json()["scope"]) == (200, READ)
        # It counts once, like every answer.
        assert (await person.open(page.url)).status == 400

    grant = await granted(auth_server)
    assert (grant.version, set(grant.tools), grant.data_scope) == (1, READING, "team:engineering")


async def test_a_person_who_approved_before_purposes_are_counted_is_told_once(
    sqlite_server: AuthServer,
) -> None:
    client, person = await vouched_client(sqlite_server), sqlite_server.person()
    await person.press(await person.reach_consent(client.authorize_url()), "Approve")
    asking = {"hash": "2" * 64, "asks_purpose": True}
    sqlite_server.catalogue = CATALOGUE.model_copy(update=asking)
    page = await led(person, client.authorize_url())
    assert was_asked(page) and "what it is trying to do" in page.text
    apps = await person.open("/account/apps")
    [app] = [link for link in apps.links if "/account/app?" in link]
    assert "what it is trying to do" in (await person.open(app)).text
    await person.press(page, "Approve")
    assert not was_asked(await led(person, client.authorize_url()))


@pytest.mark.parametrize("site", ["cross-site", "same-site", None, "", "NONE"])
async def test_another_sites_link_never_gets_an_answer_without_a_page_a37(
    auth_server: AuthServer, site: str | None
) -> None:
    """A37: a replay with `Sec-Fetch-Site: cross-site`, or a browser that does not say."""
    client, person = await vouched_client(auth_server), auth_server.person()
    await person.press(await person.reach_consent(client.authorize_url()), "Approve")

    assert was_asked(await led(person, client.authorize_url(), site))


@pytest.mark.both_databases
async def test_the_page_always_asks_about_clients_that_can_be_impersonated_a46(
    auth_server: AuthServer,
) -> None:
    """Public clients, programs on this device, schemes that any app can claim, and strangers."""
    person = auth_server.person()
    stranger = await auth_server.client(redirect_uris=[WEB])
    stranger.redirect_uri = WEB
    loopback = await vouched_client(auth_server, "http://127.0.0.1/callback")
    loopback.redirect_uri = "http://127.0.0.1:4000/callback"
    for client in (stranger, loopback):
        await person.press(await person.reach_consent(client.authorize_url()), "Approve")
        assert was_asked(await led(person, client.authorize_url()))
    for changes in (
        {"redirect_uris": ["com.portal.app:/cb"]},
        {"token_endpoint_auth_method": "none", "secret": None},
    ):
        client = await vouched_client(auth_server, **changes)
        client.redirect_uri = changes.get("redirect_uris", [WEB])[0]  # type: ignore[index]
        await person.press(await person.reach_consent(client.authorize_url()), "Approve")
        assert was_asked(await led(person, client.authorize_url()))


@pytest.mark.parametrize(
    "growth",
    ["scope", "offline_access", "host", "prompt", "tenant", "person", "expired", "revoked", "name"],
)
async def test_the_page_asks_about_every_added_or_changed_tool_a49(
    auth_server: AuthServer, change_row: Any, growth: str
) -> None:
    other_host = "https://other.example/cb"
    client = await vouched_client(auth_server, WEB, other_host)
    person = auth_server.person()
    page = await person.reach_consent(client.authorize_url(scope=READ))
    await person.press(page, "Approve")
    assert not was_asked(await led(person, client.authorize_url(scope=READ)))

    changes: dict[str, str] = {}
    match growth:
        case "scope":
            changes = {"scope": WRITE}
        case "offline_access":
            changes = {"scope": f"{READ} offline_access"}
        case "host":
            changes = {"redirect_uri": other_host}
        case "prompt":
            changes = {"prompt": "consent"}
        case "tenant":
            await change_row(auth_server, Membership, ("usr_ada", "org_acme"))
        case "person":
            person = auth_server.person("bo@globex.example")
            await person.reach_consent(client.authorize_url(scope=READ))
        case "expired":
            auth_server.clock.advance(days=181)
            await person.sign_in(await person.open(client.authorize_url(scope=READ)))
        case "revoked":
            grant = await granted(auth_server)
            now = auth_server.clock()
            await change_row(auth_server, Grant, grant.grant_id, revoked_at=now)
        case _:
            await vouched_client(auth_server, WEB, name="Portal 2")
    page = await led(person, client.authorize_url(**{"scope": READ, **changes}))

    if urlsplit(page.url).path == "/tenant":
        page = await person.press(page, "Acme")
    assert was_asked(page)


async def test_a_renamed_tool_that_changed_its_effect_is_asked_about_and_not_left_out(
    auth_server: AuthServer,
) -> None:
    """Without a page, an app that connects again would lose it, and nobody would know."""
    told = [one.model_copy(update={"bounds": ()}) for one in CATALOGUE.tools]
    auth_server.catalogue = with_tools(*told, version="1")
    client, person = await vouched_client(auth_server), auth_server.person()
    await person.press(await person.reach_consent(client.authorize_url()), "Approve")
    changes = {"name": "draft_task", "former": ("create_task",), "read_only": True, "scope": READ}
    renamed = [one.model_copy(update=changes) if one.name == "create_task" else one for one in told]

    auth_server.catalogue = with_tools(*renamed, version="3")

    assert was_asked(await led(person, client.authorize_url()))


async def test_a_tool_that_changed_its_effect_is_asked_about_even_of_a_vouched_client_a165(
    auth_server: AuthServer,
) -> None:
    """A merely added tool changes nothing, because it is not granted."""
    client, person = await vouched_client(auth_server), auth_server.person()
    await person.press(await person.reach_consent(client.authorize_url()), "Approve")
    harmless = CATALOGUE.tools[3].model_copy(update={"name": "list_more"})

    auth_server.catalogue = with_tools(*CATALOGUE.tools, harmless)
    assert not was_asked(await led(person, client.authorize_url()))
    turned = CATALOGUE.tools[0].model_copy(update={"destructive": True})
    auth_server.catalogue = with_tools(turned, *CATALOGUE.tools[1:], version="3")

    assert was_asked(await led(person, client.authorize_url()))
