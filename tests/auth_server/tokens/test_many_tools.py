"""Consent to hundreds of tools: a token stays small and names exactly those."""

import asyncio
from typing import Any

import pytest

from auth_server.maintenance import maintain
from gatepost.allowed_tools import Toolsets
from gatepost.catalogue import CatalogueDocument, ToolSummary, parse_catalogue
from support.in_process.auth_server import CATALOGUE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages

FOUR_KIB = 4096


def large_catalogue(count: int, version: str = "1") -> CatalogueDocument:
    """Tools with names of full length, every third of which changes something."""
    tools = (
        ToolSummary(
            name=f"{number:04}_{'x' * 59}",
            title=f"Tool {number}",
            description="Does something.",
            scope="mcp:read" if number % 3 else "mcp:write",
            toolsets=(f"group_{number // 20}", "read" if number % 3 else "write"),
            read_only=bool(number % 3),
            destructive=False,
        )
        for number in range(count)
    )
    return CATALOGUE.model_copy(update={"hash": version * 64, "tools": tuple(tools)})


def named_by(claims: dict[str, Any], catalogue: CatalogueDocument) -> frozenset[str]:
    """Read a token's tools as a gateway with this catalogue does."""
    toolsets = Toolsets.of({tool.name: tool.toolsets for tool in catalogue.tools})
    return toolsets.expand(claims["allowed_tools"])


async def test_a_thousand_tools_fit_into_a_token_of_four_kib_a117(
    auth_server: AuthServer, read_token: Any
) -> None:
    auth_server.catalogue = shown = large_catalogue(1000)
    client, person = await auth_server.client(), auth_server.person()

    tokens = await client.connect(person)

    assert len(tokens["access_token"]) < FOUR_KIB
    claims = await read_token(auth_server, tokens["access_token"])
    assert named_by(claims, shown) == {tool.name for tool in shown.tools}


@pytest.mark.both_databases
async def test_any_choice_among_a_thousand_tools_fits_and_is_exact_a117(
    auth_server: AuthServer, read_token: Any
) -> None:
    auth_server.catalogue = shown = large_catalogue(1000)
    names = [tool.name for tool in shown.tools]
    left_out = [name for number, name in enumerate(names) if number * number % 7 < 3]
    client, person = await auth_server.client(), auth_server.person()

    tokens = await client.connect(person, untick=left_out)

    assert len(tokens["access_token"]) < FOUR_KIB
    claims = await read_token(auth_server, tokens["access_token"])
    assert named_by(claims, shown) == set(names) - set(left_out)


async def test_tools_added_later_are_in_no_refreshed_token_a165(
    auth_server: AuthServer, read_token: Any
) -> None:
    """The selected tools return once this server has read the new list."""
    auth_server.catalogue = shown = large_catalogue(1000)
    client, person = await auth_server.client(), auth_server.person()
    tokens = await client.connect(person)

    auth_server.catalogue = grown = large_catalogue(1010, version="2")
    before = (await client.refresh(tokens["refresh_token"])).json()
    await maintain(auth_server.opened)
    after = (await client.refresh(before["refresh_token"])).json()

    chosen = {tool.name for tool in shown.tools}
    claims = await read_token(auth_server, before["access_token"])
    assert named_by(claims, shown) == chosen
    assert named_by(claims, grown) < chosen
    claims = await read_token(auth_server, after["access_token"])
    assert named_by(claims, grown) == chosen


@pytest.mark.both_databases
async def test_a_restart_forgets_no_toolset(database_url: str, clock: Clock) -> None:
    """The last known catalogue is read from the database before the first token is issued."""
    async with running_auth_server(database_url, clock) as server:
        server.catalogue = large_catalogue(200)
        client = await server.client()
        tokens = await connect_without_pages(server, client)
    async with running_auth_server(database_url, clock) as server:
        client.http = server.http
        after = (await client.refresh(tokens["refresh_token"])).json()["access_token"]

    assert len(after) < FOUR_KIB


@pytest.mark.both_databases
async def test_a_new_tool_list_that_several_see_first_at_once_is_kept_once(
    auth_server: AuthServer,
) -> None:
    people = [auth_server.person() for _ in range(5)]
    for person in people:
        await person.reach_consent((await auth_server.client()).authorize_url())
    auth_server.catalogue = large_catalogue(5, version="7")
    urls = [(await auth_server.client()).authorize_url() for _ in people]

    pages = await asyncio.gather(
        *(person.reach_consent(url) for person, url in zip(people, urls, strict=True))
    )

    assert [page.status for page in pages] == [200] * 5
    assert all("Tool 4" in page.text for page in pages)


async def test_pages_that_show_one_tool_list_again_read_it_once(
    sqlite_server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading ten thousand tools takes long enough for others to notice."""
    sqlite_server.catalogue = large_catalogue(1001)
    client, person = await sqlite_server.client(), sqlite_server.person()
    await client.connect(person)
    reads = 0

    async def counted(text: str) -> CatalogueDocument:
        nonlocal reads
        reads += 1
        return await parse_catalogue(text)

    monkeypatch.setattr("auth_server.records.catalogues.store.parse_catalogue", counted)
    for _ in range(3):
        page = await person.open("/account/apps")
        [app] = [link for link in page.links if "/account/app?" in link]
        await person.press(await person.open(app), "Save")

    assert reads <= 1
