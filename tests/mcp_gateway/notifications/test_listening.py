"""`subscriptions/listen` of 2026-07-28: what open streams tell, whom, and when they end."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gatepost.claims import parse_claims
from gatepost.revocations import Revocation
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.notifications.listeners import MOST_OF_ONE, Listener, Turns
from mcp_gateway.notifications.port import MOST_URIS
from mcp_gateway.notifications.visible import ListName
from support.in_process.clock import Clock
from support.in_process.gateway import API, World, a_world
from support.in_process.talk import Talk, talking
from support.in_process.tokens import claims

LISTEN = "subscriptions/listen"
ID = "io.modelcontextprotocol/subscriptionId"
EVERYTHING = {
    "toolsListChanged": True,
    "promptsListChanged": True,
    "resourcesListChanged": True,
    "resourceSubscriptions": ["tracker://guide"],
}
GUIDE = "tracker://guide"
ENDED = {"resultType": "complete", ID: 1}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway whose files a test may change."""
    for name in ("talking.yaml", "openapi.yaml", "logo.png"):
        shutil.copy(API / name, tmp_path / name)
    async with a_world(tmp_path, manifest=tmp_path / "talking.yaml") as opened:
        yield opened


async def change(world: World, before: str, after: str) -> None:
    """Rewrite the manifest, and let the gateway see it."""
    manifest = world.settings.manifest
    assert manifest is not None
    text = manifest.read_text()
    assert before in text
    manifest.write_text(text.replace(before, after))
    await world.looks.look()


@asynccontextmanager
async def listening(
    world: World, wanted: dict[str, Any], **claims: Any
) -> AsyncIterator[tuple[Talk, dict[str, Any]]]:
    """Open a stream, and return it with what the gateway has agreed to."""
    headers = {"authorization": f"Bearer {world.token(**claims)}"}
    async with talking(world, "new", LISTEN, {"notifications": wanted}, headers=headers) as talk:
        first = await talk.message()
        assert first["method"] == "notifications/subscriptions/acknowledged", first
        assert first["params"]["_meta"] == {ID: 1}
        yield talk, first["params"]["notifications"]


async def heard(talk: Talk) -> str:
    """Return the next notification: its list, or its URI."""
    message = await talk.message()
    assert message["params"]["_meta"] == {ID: 1}
    uri: str | None = message["params"].get("uri")
    method: str = message["method"]
    if method == "notifications/resources/updated":
        assert uri is not None
        return uri
    return method.removeprefix("notifications/").removesuffix("/list_changed")


async def ended(talk: Talk) -> None:
    """Require that the stream ends in order (2026-07-28 subscriptions, Graceful Closure)."""
    message = await talk.message()
    assert message["id"] == 1
    assert message["result"]["resultType"] == "complete"
    assert message["result"]["_meta"][ID] == 1
    assert talk.ended


async def test_a_client_hears_first_what_the_gateway_agrees_to(world: World) -> None:
    async with listening(world, EVERYTHING) as (talk, granted):
        assert granted == EVERYTHING
        assert talk.headers["content-type"] == "text/event-stream"
    wanted = {"toolsListChanged": True, "promptsListChanged": False, "taskIds": ["1"]}
    async with listening(world, wanted) as (_, granted):
        assert granted == {"toolsListChanged": True}


async def test_a_resource_of_which_nobody_would_hear_is_not_agreed_to(world: World) -> None:
    """Neither one that does not exist, nor one of which the gateway never learns that it changed."""
    uris = ["tracker://nothing", GUIDE, "tracker://tasks/7", GUIDE]
    async with listening(world, {"resourceSubscriptions": uris}) as (_, granted):
        assert granted == {"resourceSubscriptions": [GUIDE]}
    async with listening(world, {"resourceSubscriptions": uris[:1]}) as (_, granted):
        assert granted == {}


async def test_a_changed_manifest_is_told_to_those_who_want_to_hear_of_it(world: World) -> None:
    async with (
        listening(world, {"toolsListChanged": True}) as (of_tools, _),
        listening(world, {"promptsListChanged": True}) as (of_prompts, _),
        listening(world, EVERYTHING) as (of_all, _),
    ):
        await change(
            world, "get_task: {operation: getTask}", "get_task: {operation: getTask, title: X}"
        )
        assert await heard(of_tools) == await heard(of_all) == "tools"
        await change(world, "title: Plan the week", "title: Plan a week")
        assert await heard(of_prompts) == await heard(of_all) == "prompts"
        await change(world, "# How we work", "# How we worked")
        assert await heard(of_all) == GUIDE
        await change(world, "title: Guide,", "title: The guide,")
        assert await heard(of_all) == "resources"
        for talk in (of_tools, of_prompts):
            assert talk.sent.empty()


async def test_who_does_not_see_a_change_does_not_hear_that_there_was_one_a317(
    world: World,
) -> None:
    """A tool, prompt or template that a token does not allow must stay unknown to its client."""
    async with (
        listening(world, EVERYTHING, allowed_tools=["get_task"]) as (reads, _),
        listening(world, EVERYTHING) as (deletes, _),
    ):
        await change(world, "task {id}?", "task {id} now?")
        await change(world, "    scope: mcp:write\n", "    scope: mcp:write\n    title: Remove\n")
        assert await heard(deletes) == "tools"
        await change(world, "description: Delete what is done", "description: Delete it")
        assert await heard(deletes) == "prompts"
        assert reads.sent.empty()
        await change(
            world, "get_task: {operation: getTask}", "get_task: {operation: getTask, title: X}"
        )
        assert await heard(reads) == "tools"


async def test_what_changes_often_before_a_client_reads_on_is_told_once_a321() -> None:
    """A321: a client that reads slowly, or not at all, fills no memory."""
    caller = parse_claims(claims(Clock()()))
    listed = frozenset[ListName]({"tools"})
    listener = Listener(caller, Catalogue.of("Tracker", ()), "modern", listed, "", Turns())
    listener.watched = frozenset({"a:1", "a:2"})
    for _ in range(1000):
        listener.note(["tools", "prompts"], ["a:1", "a:2", "a:3"])
    due = await listener.due()
    assert due is not None
    assert (due.lists, sorted(due.uris)) == (("tools",), ["a:1", "a:2"])
    listener.note(uris=["a:2"])
    assert await listener.due() == ((), ("a:2",))
    listener.note(uris=["a:1"])
    listener.end()
    assert await listener.due() is None


async def test_a_stream_ends_when_its_token_expires(world: World) -> None:
    async with listening(world, EVERYTHING) as (talk, _):
        world.clock.advance(seconds=600)
        await world.checks.look(1)
        assert talk.sent.empty()  # calls are accepted as well, for clocks that differ
        world.clock.advance(seconds=31)
        await world.checks.look(1)
        await ended(talk)


async def test_a_revoked_connection_hears_nothing_more_a318(world: World) -> None:
    async with (
        listening(world, EVERYTHING) as (talk, _),
        listening(world, EVERYTHING, grant_id="grant_2", sub="usr_bo") as (other, _),
    ):
        revoked = Revocation(kind="grant", key="grant_1", expires_at=1 << 40)
        await world.feed.announce(revoked)
        await world.checks.look(1)
        await ended(talk)
        await change(world, "# How we work", "# Secret")
        assert await heard(other) == GUIDE
        assert talk.sent.empty()
    answer = await world.new(LISTEN, {"notifications": EVERYTHING})
    assert answer.status_code == 401


async def test_a_withdrawn_key_ends_the_streams_of_its_tokens_a318(world: World) -> None:
    async with listening(world, EVERYTHING) as (talk, _):
        await world.feed.announce(Revocation(kind="key", key="2026-11", expires_at=1 << 40))
        await ended(talk)


async def test_a_process_that_stops_ends_its_streams_in_order(world: World) -> None:
    async with listening(world, EVERYTHING) as (talk, _):
        world.stopping.end_waits()
        await ended(talk)
    async with listening(world, EVERYTHING) as (late, _):
        await ended(late)


async def test_an_open_stream_is_kept_alive(tmp_path: Path) -> None:
    async with (
        a_world(tmp_path, keep_alive=0.001) as world,
        listening(world, EVERYTHING) as (talk, _),
    ):
        assert await talk.chunk() == b": keep-alive\n\n"


async def test_one_app_of_one_person_has_a_limited_number_of_streams_a319(world: World) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(MOST_OF_ONE):
            await stack.enter_async_context(listening(world, EVERYTHING))
        refused = await world.new(LISTEN, {"notifications": EVERYTHING})
        assert refused.status_code == 429
        error = refused.json()["error"]
        assert f"{MOST_OF_ONE} open streams" in error["message"]
        assert error["data"] == {"retryAfter": 60}
        await stack.enter_async_context(listening(world, EVERYTHING, client_id="client_other"))


async def test_one_tenant_leaves_room_for_the_streams_of_others_a319(tmp_path: Path) -> None:
    async with a_world(tmp_path, notification_streams=4) as world, AsyncExitStack() as stack:
        for number in range(2):
            await stack.enter_async_context(listening(world, EVERYTHING, sub=f"usr_{number}"))
        refused = await world.new(
            LISTEN, {"notifications": EVERYTHING}, token=world.token(sub="usr_2")
        )
        assert refused.status_code == 429
        assert "no room" in refused.json()["error"]["message"]
        await stack.enter_async_context(listening(world, EVERYTHING, tenant_id="org_globex"))


async def test_a_client_that_leaves_makes_room(tmp_path: Path) -> None:
    async with a_world(tmp_path, notification_streams=2) as world:
        for _ in range(5):
            async with listening(world, EVERYTHING):
                pass


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        [],
        "tools",
        {"toolsListChanged": "yes"},
        {"resourceSubscriptions": "tracker://guide"},
        {"resourceSubscriptions": [1]},
        {"resourceSubscriptions": ["x" * 10_000]},
        {"resourceSubscriptions": [GUIDE] * (MOST_URIS + 1)},
    ],
)
async def test_a_filter_that_is_none_is_refused_by_name(world: World, wanted: Any) -> None:
    answer = await world.new(LISTEN, {"notifications": wanted})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32602
    assert "params.notifications" in answer.json()["error"]["message"]


async def test_a_client_that_takes_no_stream_is_told_what_to_accept(world: World) -> None:
    params = {"notifications": EVERYTHING}
    headers = {"accept": "application/json"}
    async with talking(world, "new", LISTEN, params, headers=headers) as talk:
        assert "text/event-stream" in (await talk.message())["error"]["message"]
        assert talk.status == 400


async def test_a_gateway_without_streams_offers_none(tmp_path: Path) -> None:
    async with a_world(tmp_path, manifest=API / "talking.yaml", notification_streams=0) as world:
        declared = (await world.new("server/discover")).json()["result"]["capabilities"]
        assert declared["tools"] == declared["prompts"] == {"listChanged": False}
        assert declared["resources"] == {"listChanged": False, "subscribe": False}
        answer = await world.new(LISTEN, {"notifications": EVERYTHING})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)


async def test_capabilities_say_what_is_told(world: World) -> None:
    for era in ("old", "new"):
        if era == "new":
            answer = await world.new("server/discover")
        else:
            params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
            answer = await world.old("initialize", params)
        declared = answer.json()["result"]["capabilities"]
        assert declared["tools"] == declared["prompts"] == {"listChanged": True}
        assert declared["resources"] == {"listChanged": True, "subscribe": True}
