"""A gateway renames a tool: connections keep it, and get nothing that their people did not allow."""

from typing import Any

import pytest

from auth_server.maintenance import maintain
from gatepost.catalogue import CatalogueDocument, ToolSummary
from support.in_process.auth_server import CATALOGUE, AuthServer
from support.in_process.grants import connect_without_pages
from support.in_process.renamed import FORMER, with_tool


async def connected(server: AuthServer, read_token: Any, *after: CatalogueDocument) -> set[str]:
    """Connect an app under the former catalogue; return its tools once each new one was read."""
    server.catalogue = FORMER
    await maintain(server.opened)
    client = await server.client()
    tokens = await connect_without_pages(server, client)
    for catalogue in after:
        server.catalogue = catalogue
        server.clock.advance(minutes=1)
        await maintain(server.opened)
    answer = await client.refresh(tokens["refresh_token"])
    claims = await read_token(server, answer.json()["access_token"])
    return set(claims["allowed_tools"])


@pytest.mark.both_databases
async def test_a_connection_keeps_a_tool_under_its_new_name(
    auth_server: AuthServer, read_token: Any
) -> None:
    tools = await connected(
        auth_server, read_token, with_tool("2", "find_tasks", former=("list_tasks",))
    )

    # Gateways that still serve the former tools read the same token.
    assert tools == {"create_task", "list_projects", "list_tasks", "find_tasks"}


async def test_a_rename_stays_after_the_manifest_forgot_it_and_another_follows(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    tools = await connected(
        sqlite_server,
        read_token,
        with_tool("2", "find_tasks", former=("list_tasks",)),
        with_tool("3", "find_tasks"),
        with_tool("4", "search_tasks", former=("find_tasks",)),
    )

    assert "search_tasks" in tools


@pytest.mark.parametrize(
    "wider",
    [
        {"scope": "mcp:write"},
        {"scope": "mcp:write", "read_only": False, "toolsets": ("write",)},
        {"destructive": True},
        {"bounds": ()},
        {"bounds": None},
    ],
)
async def test_a_rename_widens_no_connection_a350(
    sqlite_server: AuthServer, read_token: Any, wider: dict[str, Any]
) -> None:
    renamed = with_tool("2", "find_tasks", former=("list_tasks",), **wider)

    assert "find_tasks" not in await connected(sqlite_server, read_token, renamed)


async def test_a_proven_rename_ends_when_the_tool_needs_more_later_a350(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    tools = await connected(
        sqlite_server,
        read_token,
        with_tool("2", "find_tasks", former=("list_tasks",)),
        with_tool("3", "find_tasks", former=("list_tasks",), bounds=()),
    )

    assert "find_tasks" not in tools


@pytest.mark.parametrize(("then", "now"), [("", "billing"), ("tasks", "billing"), ("tasks", "")])
async def test_a_former_name_that_may_be_another_apis_allows_nothing_a367(
    sqlite_server: AuthServer, read_token: Any, then: str, now: str
) -> None:
    """Two gateways become one, and a tool of the second had a name that the first one's has."""
    tools = await connected(
        sqlite_server,
        read_token,
        with_tool("2", "list_tasks", api=then),
        with_tool("3", "find_bills", former=("list_tasks",), api=now),
    )

    assert "find_bills" not in tools


async def test_a_renamed_tool_stays_allowed_when_its_gateway_gets_a_second_api(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    renamed = with_tool("2", "find_tasks", former=("list_tasks",))
    moved = with_tool("3", "find_tasks", former=("list_tasks",), api="tasks")

    assert "find_tasks" in await connected(sqlite_server, read_token, renamed, moved)


async def test_a_former_name_does_not_allow_a_tool_that_people_left_out_a351(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    """`delete_task` was beside it, and nobody allowed it."""
    tools = tuple(
        one.model_copy(update={"former": ("create_task",)} if one.name == "delete_task" else {})
        for one in FORMER.tools
        if one.name != "create_task"
    )
    merged = FORMER.model_copy(update={"hash": "2" * 64, "tools": tools})

    assert "delete_task" not in await connected(sqlite_server, read_token, merged)


async def test_a_gateway_can_not_say_itself_that_a_rename_holds_a350(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    claimed = with_tool("2", "list_tasks").model_copy(
        update={"renamed": {"list_projects": "delete_task"}}
    )

    assert "delete_task" not in await connected(sqlite_server, read_token, claimed)


async def test_the_consent_page_shows_a_renamed_tool_as_decided(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    sqlite_server.catalogue = FORMER
    client, person = await sqlite_server.client(), sqlite_server.person()
    await client.connect(person)
    sqlite_server.catalogue = with_tool("2", "find_tasks", former=("list_tasks",))

    page = await person.reach_consent(client.authorize_url())

    assert page.ticks()["find_tasks"] is True
    await person.press(page, "Approve", untick=["find_tasks"])
    page = await person.reach_consent(client.authorize_url())
    assert page.ticks()["find_tasks"] is False


async def test_an_older_gateway_that_says_less_is_not_trusted_with_a_rename(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    """Until it tells what bounds its tools, nobody can compare them."""
    server = sqlite_server
    tokens = await connect_without_pages(server)  # the catalogue without bounds
    assert tokens
    old = CATALOGUE.model_copy(update={"hash": FORMER.hash})
    server.catalogue = old
    await maintain(server.opened)
    server.catalogue = FORMER  # the same hash, from a newer gateway
    await maintain(server.opened)

    assert "find_tasks" in await connected(
        server, read_token, with_tool("2", "find_tasks", former=("list_tasks",))
    )


def test_nothing_is_proven_of_a_tool_whose_bounds_nobody_told() -> None:
    told = ToolSummary(
        name="a", title="A", description="A.", scope="mcp:read", read_only=True, destructive=False
    )
    assert not told.needs_no_more_than(told)
    assert told.model_copy(update={"bounds": ()}).needs_no_more_than(
        told.model_copy(update={"bounds": ()})
    )
