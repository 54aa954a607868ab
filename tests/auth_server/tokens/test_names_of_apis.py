"""An API behind a gateway takes a name of another one's tool: what was granted before does not open it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import delete, update

from auth_server.records.catalogues.table import CatalogueVersion, ToolNames
from gatepost.catalogue import CatalogueDocument
from support.in_process.api_keys import exchange, make_key
from support.in_process.auth_server import RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.component import component
from support.in_process.delegation import connect_agent
from support.in_process.grants import connect_without_pages
from support.in_process.names_of_apis import ALONE, GONE, ORBIT, OTHER, TAKEN, serving, switch
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.operator import add
from support.in_process.person import Page
from support.in_process.revocations import GATEWAY, ask_in_process, following

Allowed = Callable[[], Awaitable[set[str]]]
SECRET = "a-secret-of-43-characters-0123456789-abcdef"
CEILING = {"resource": RESOURCE, "tenant": "org_acme", "scope": "mcp:write"}
NAMED = ["list_projects", "list_tasks"]


async def add_service_client(server: AuthServer, tools: list[str]) -> None:
    """Let an operator store a file that names a service client with these tools."""
    client = {
        "client_id": "acme-reports",
        "name": "Acme reports",
        "token_endpoint_auth_method": "client_secret_post",
        "secret": SECRET,
        "ceilings": [{**CEILING, "tools": tools}],
    }
    await add(server, clients=[client])


@pytest.fixture
def read_tools(read_token: Any) -> Any:
    """Read the tools of an access token."""

    async def read(server: AuthServer, token: str) -> set[str]:
        return set((await read_token(server, token))["allowed_tools"])

    return read


async def connected(server: AuthServer, read_tools: Any) -> tuple[OAuthClient, Allowed]:
    """Connect an app; return it, and what tells which tools its newest token has."""
    client = await server.client()
    tokens = await connect_without_pages(server, client)

    async def refreshed() -> set[str]:
        nonlocal tokens
        answer = await client.refresh(tokens["refresh_token"])
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        found: set[str] = await read_tools(server, tokens["access_token"])
        return found

    return client, refreshed


@pytest.mark.both_databases
async def test_a_connection_opens_no_tool_of_an_api_that_takes_the_name_a398(
    auth_server: AuthServer, read_tools: Any
) -> None:
    await switch(auth_server, ORBIT)
    _, refreshed = await connected(auth_server, read_tools)
    assert "list_tasks" in await refreshed()

    await switch(auth_server, TAKEN)
    assert await refreshed() == {"create_task", "list_projects"}
    # Orbit has its tool again, as when an operator goes back.
    await switch(auth_server, ORBIT)
    assert "list_tasks" in await refreshed()


async def test_a_name_that_nobody_had_for_a_while_stays_the_former_apis_a398(
    sqlite_server: AuthServer, read_tools: Any
) -> None:
    await switch(sqlite_server, ORBIT)
    _, refreshed = await connected(sqlite_server, read_tools)

    await switch(sqlite_server, GONE, TAKEN)
    assert "list_tasks" not in await refreshed()


async def test_a_tool_that_the_other_api_renames_later_is_not_allowed_by_the_name_it_took_a398(
    sqlite_server: AuthServer, read_tools: Any
) -> None:
    renamed = {"api": "billing", "name": "list_bills", "former": ("list_tasks",), **OTHER}
    await switch(sqlite_server, ORBIT)
    _, refreshed = await connected(sqlite_server, read_tools)

    await switch(sqlite_server, TAKEN, serving("5", "orbit", list_tasks=renamed))
    assert await refreshed() == {"create_task", "list_projects"}


async def test_an_access_token_ends_when_an_api_takes_the_name_of_one_of_its_tools_a398(
    database_url: str, clock: Clock
) -> None:
    async with running_auth_server(database_url, clock, resources=(GATEWAY,)) as server:
        await switch(server, ORBIT)
        token = (await connect_without_pages(server))["access_token"]
        async with following(ask_in_process(lambda: server), clock) as gateway:
            assert not gateway.knows(token)
            await switch(server, TAKEN)
            await gateway.until_ended(token)


@pytest.mark.both_databases
async def test_an_api_key_opens_no_tool_of_an_api_that_takes_the_name_a398(
    auth_server: AuthServer, read_tools: Any
) -> None:
    await switch(auth_server, ORBIT)
    key = await make_key(auth_server)

    async def tools(text: str) -> set[str]:
        token = (await exchange(auth_server, text)).json()["access_token"]
        found: set[str] = await read_tools(auth_server, token)
        return found

    assert await tools(key.text) == {"create_task", "list_tasks"}
    await switch(auth_server, TAKEN)
    assert await tools(key.text) == {"create_task"}
    # A key that is made now is for Billing's tool, and stays so.
    new = await make_key(auth_server, seed=2)
    assert await tools(new.text) == {"create_task", "list_tasks"}
    await switch(auth_server, ORBIT)
    assert await tools(key.text) == {"create_task", "list_tasks"}
    assert await tools(new.text) == {"create_task"}


async def tools_of_the_service_client(server: AuthServer, read_tools: Any) -> set[str]:
    form = {
        "grant_type": "client_credentials",
        "client_id": "acme-reports",
        "client_secret": SECRET,
    }
    answer = await server.http.post("/token", data=form)
    assert answer.status_code == 200, answer.text
    found: set[str] = await read_tools(server, answer.json()["access_token"])
    return found


@pytest.mark.both_databases
async def test_a_service_client_opens_no_tool_of_an_api_that_takes_the_name_a398(
    auth_server: AuthServer, read_tools: Any
) -> None:
    await switch(auth_server, ORBIT)
    await add_service_client(auth_server, NAMED)
    both = {"list_projects", "list_tasks"}
    assert await tools_of_the_service_client(auth_server, read_tools) == both

    await switch(auth_server, TAKEN)
    assert await tools_of_the_service_client(auth_server, read_tools) == {"list_projects"}


async def test_a_seed_file_that_is_stored_at_each_start_allows_nothing_more_a398(
    sqlite_server: AuthServer, read_tools: Any
) -> None:
    await switch(sqlite_server, ORBIT)
    await add_service_client(sqlite_server, NAMED)
    await switch(sqlite_server, TAKEN)

    await add_service_client(sqlite_server, NAMED)
    assert await tools_of_the_service_client(sqlite_server, read_tools) == {"list_projects"}
    # Nor does a file that names one tool more.
    await add_service_client(sqlite_server, [*NAMED, "create_task"])
    tools = await tools_of_the_service_client(sqlite_server, read_tools)
    assert tools == {"create_task", "list_projects"}


async def test_a_toolset_of_a_service_client_has_the_tools_of_every_api(
    sqlite_server: AuthServer, read_tools: Any
) -> None:
    """Whoever names a toolset names whatever is in it."""
    await switch(sqlite_server, ORBIT)
    await add_service_client(sqlite_server, ["@read"])

    await switch(sqlite_server, TAKEN)
    assert await tools_of_the_service_client(sqlite_server, read_tools) == {"@read"}


async def test_a_sub_agent_gets_no_tool_of_an_api_that_took_the_name_a398(
    sqlite_server: AuthServer, read_tools: Any
) -> None:
    sqlite_server.catalogue = ORBIT
    agent = await connect_agent(sqlite_server)
    assert "list_tasks" in await read_tools(sqlite_server, await agent.delegate())

    await switch(sqlite_server, TAKEN)
    assert "refresh it" in (await agent.refused())[1]
    sqlite_server.clock.advance(seconds=1)
    await agent.refresh()
    assert "list_tasks" not in await read_tools(sqlite_server, await agent.delegate())
    asked = await agent.refused(allowed_tools="list_tasks")
    assert asked[0] == "invalid_scope"


# --- consent pages ---------------------------------------------------------------------------------


async def app_page(person: Any) -> Page:
    """Open the page of the person's one connection."""
    page = await person.open("/account/apps")
    opened: Page = await person.open(next(link for link in page.links if "/account/app?" in link))
    return opened


def ticked(page: Page) -> dict[str, bool]:
    """The tools on the page of a connection."""
    boxes = page.forms["/account/app"].checkboxes.items()
    return {value: on for (name, value), on in boxes if name == "tool"}


@pytest.mark.both_databases
async def test_a_person_is_asked_about_the_tool_that_took_the_name_and_allows_it(
    auth_server: AuthServer, read_tools: Any
) -> None:
    await switch(auth_server, ORBIT)
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    await switch(auth_server, TAKEN)

    shown = await app_page(person)
    assert "1 read tool" in shown.text and not ticked(shown)["list_tasks"]
    page = await person.reach_consent(client.authorize_url())
    assert "wants more access" in page.text
    assert page.ticks()["list_tasks"] is False and page.ticks()["list_projects"] is True
    tokens = await client.connect(person, tick=["list_tasks"])
    assert "list_tasks" in await read_tools(auth_server, tokens["access_token"])
    assert ticked(await app_page(person))["list_tasks"]

    # It is Billing's tool that they allowed now.
    await switch(auth_server, ORBIT)
    answer = await client.refresh(tokens["refresh_token"])
    tools = await read_tools(auth_server, answer.json()["access_token"])
    assert tools == {"create_task", "list_projects"}
    assert not ticked(await app_page(person))["list_tasks"]


async def test_a_person_who_changes_something_else_does_not_allow_the_other_tool_a398(
    sqlite_server: AuthServer, read_tools: Any
) -> None:
    await switch(sqlite_server, ORBIT)
    client, person = await sqlite_server.client(), sqlite_server.person()
    tokens = await client.connect(person)
    await switch(sqlite_server, TAKEN)

    page = await app_page(person)
    await person.press(page, "Save", untick=["create_task"])
    tokens = (await client.refresh(tokens["refresh_token"])).json()
    assert await read_tools(sqlite_server, tokens["access_token"]) == {"list_projects"}
    await person.press(await app_page(person), "Save", tick=["list_tasks"])
    tokens = (await client.refresh(tokens["refresh_token"])).json()
    tools = await read_tools(sqlite_server, tokens["access_token"])
    assert tools == {"list_projects", "list_tasks"}


async def test_a_page_from_before_the_name_was_taken_allows_the_tool_that_it_showed_a400(
    sqlite_server: AuthServer, read_tools: Any
) -> None:
    await switch(sqlite_server, ORBIT)
    client, person = await sqlite_server.client(), sqlite_server.person()
    page = await person.reach_consent(client.authorize_url())
    await switch(sqlite_server, TAKEN)
    left = await person.press(page, "Approve")
    answer = await client.redeem(answer_of(left.moves_on_to or "")["code"])
    tools = await read_tools(sqlite_server, answer.json()["access_token"])
    assert tools == {"create_task", "list_projects"}


async def test_the_component_neither_lists_nor_keeps_what_another_api_took_a398(
    sqlite_server: AuthServer, read_tools: Any
) -> None:
    await switch(sqlite_server, ORBIT)
    _, refreshed = await connected(sqlite_server, read_tools)
    await switch(sqlite_server, TAKEN)
    ada = await component(sqlite_server)
    (listed,) = (await ada.call("GET", "/connections")).json()["items"]
    path = f"/connections/{listed['grant_id']}"

    assert listed["kinds"] == {"read": 1, "change": 1}
    refused = await ada.call("PATCH", path, json={"tools": ["list_tasks"]})
    assert refused.status_code == 422, refused.text
    kept = await ada.call("PATCH", path, json={"data": {"team": ["design"]}})
    assert [tool["name"] for tool in kept.json()["tools"]] == ["create_task", "list_projects"]
    assert await refreshed() == {"create_task", "list_projects"}


# --- one API becomes several -----------------------------------------------------------------------


@pytest.mark.both_databases
async def test_connections_last_when_a_gateway_gets_a_second_api_and_when_it_goes_back(
    auth_server: AuthServer, read_tools: Any
) -> None:
    """While its processes are replaced, either list is read."""
    await switch(auth_server, ALONE)
    _, refreshed = await connected(auth_server, read_tools)
    key = await make_key(auth_server)

    for catalogue in (ORBIT, ALONE, ORBIT):
        await switch(auth_server, catalogue)
        assert await refreshed() == {"create_task", "list_projects", "list_tasks"}
        token = (await exchange(auth_server, key.text)).json()["access_token"]
        assert await read_tools(auth_server, token) == {"create_task", "list_tasks"}
    # The name is Orbit's from then on.
    await switch(auth_server, TAKEN)
    assert "list_tasks" not in await refreshed()


async def test_people_are_not_asked_again_when_their_gateway_gets_a_second_api(
    sqlite_server: AuthServer,
) -> None:
    await switch(sqlite_server, ALONE)
    client, person = await sqlite_server.client(), sqlite_server.person()
    await client.connect(person)

    for catalogue in (ORBIT, ALONE):
        await switch(sqlite_server, catalogue)
        page = await person.reach_consent(client.authorize_url())
        assert "wants to reconnect" in page.text
        assert page.ticks()["list_tasks"] is True


@pytest.mark.parametrize(
    "after", [(TAKEN,), (ORBIT, serving("6", list_tasks=OTHER)), (ORBIT, TAKEN, ALONE)]
)
async def test_a_person_is_asked_about_a_tool_that_took_a_name_when_its_api_joined_a400(
    sqlite_server: AuthServer, after: tuple[CatalogueDocument, ...]
) -> None:
    await switch(sqlite_server, ALONE)
    client, person = await sqlite_server.client(), sqlite_server.person()
    await client.connect(person)

    await switch(sqlite_server, *after)
    page = await person.reach_consent(client.authorize_url())
    assert "wants more access" in page.text
    assert page.ticks()["list_tasks"] is False


@pytest.mark.parametrize(
    "catalogues",
    [
        (ALONE, TAKEN),
        (ALONE, serving("5", list_tasks=None), TAKEN),
        (ALONE, ORBIT, serving("6", list_tasks=OTHER)),
        (ALONE, ORBIT, GONE, serving("6", list_tasks=OTHER)),
    ],
)
async def test_a_second_api_takes_no_name_when_it_joins_or_stays_alone_a400(
    sqlite_server: AuthServer, read_tools: Any, catalogues: tuple[CatalogueDocument, ...]
) -> None:
    first, *others = catalogues
    await switch(sqlite_server, first)
    _, refreshed = await connected(sqlite_server, read_tools)

    await switch(sqlite_server, *others)
    assert await refreshed() == {"create_task", "list_projects"}


async def test_a_gateway_can_not_say_itself_whose_a_name_was_a400(
    sqlite_server: AuthServer, read_tools: Any
) -> None:
    await switch(sqlite_server, ORBIT)
    _, refreshed = await connected(sqlite_server, read_tools)
    claim = {"taken": {"list_tasks": ("billing", "billing")}, "gone": {"list_tasks": "billing"}}

    await switch(sqlite_server, TAKEN.model_copy(update=claim))
    assert "list_tasks" not in await refreshed()


@pytest.mark.both_databases
async def test_a_name_that_was_taken_while_a_former_release_read_the_tools_is_found_a400(
    auth_server: AuthServer, read_tools: Any
) -> None:
    """It stores the new list without following the names; this release starts, and reads the same."""
    await switch(auth_server, ORBIT)
    _, refreshed = await connected(auth_server, read_tools)
    async with auth_server.opened.transaction() as db:
        db.add(
            CatalogueVersion(
                resource=RESOURCE,
                hash=TAKEN.hash,
                document=TAKEN.model_dump(mode="json", exclude={"taken", "gone"}),
                seen_at=auth_server.clock() + timedelta(seconds=1),
            )
        )
    auth_server.catalogue = TAKEN
    await auth_server.opened.catalogues.load([RESOURCE])

    await switch(auth_server, TAKEN)
    assert "list_tasks" not in await refreshed()


async def test_what_was_granted_before_names_were_followed_is_the_present_apis(
    sqlite_server: AuthServer, read_tools: Any
) -> None:
    """The database of a former release: nobody can tell whose a name was before."""
    await switch(sqlite_server, ORBIT)
    _, refreshed = await connected(sqlite_server, read_tools)
    async with sqlite_server.opened.transaction() as db:
        await db.execute(delete(ToolNames))
        await db.execute(update(CatalogueVersion).values(seen_at=sqlite_server.clock()))
    await sqlite_server.opened.catalogues.load([RESOURCE])

    await switch(sqlite_server, ORBIT)
    assert "list_tasks" in await refreshed()
    await switch(sqlite_server, TAKEN)
    assert "list_tasks" not in await refreshed()
