"""The stream of the handshake era, which a client opens with GET, and `resources/subscribe`."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gatepost.revocations import Revocation
from mcp_gateway.notifications.listeners import MOST_OF_ONE
from mcp_gateway.notifications.port import MOST_URIS
from support.in_process.gateway import API, World, a_world
from support.in_process.talk import Talk, initialize, streaming

GUIDE = "tracker://guide"


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


async def ask(
    world: World, method: str, uri: object, session: dict[str, str], **claims: Any
) -> Any:
    """Send `resources/subscribe` or the like."""
    body = {"jsonrpc": "2.0", "id": 1, "method": f"resources/{method}", "params": {"uri": uri}}
    headers = {"mcp-protocol-version": "2025-11-25", **session}
    answer = await world.post(body, token=world.token(**claims), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def opened(talk: Talk) -> Talk:
    """Wait until the stream is open and has its subscriptions."""
    assert await talk.chunk() == b": keep-alive\n\n"
    assert talk.status == 200
    assert talk.headers["content-type"] == "text/event-stream"
    await asyncio.sleep(0)
    return talk


async def test_a_client_hears_of_changed_lists_and_of_what_it_subscribed_to(
    world: World,
) -> None:
    session = await initialize(world, {})
    assert (await ask(world, "subscribe", GUIDE, session))["result"] == {}
    async with streaming(world, session) as talk:
        await opened(talk)
        await change(world, "# How we work", "# How we worked")
        updated = {"jsonrpc": "2.0", "method": "notifications/resources/updated"}
        assert await talk.message() == {**updated, "params": {"uri": GUIDE}}
        await change(world, "title: Plan the week", "title: Plan a week")
        changed = {"jsonrpc": "2.0", "method": "notifications/prompts/list_changed"}
        assert await talk.message() == {**changed, "params": {}}


async def test_subscribing_and_unsubscribing_count_for_the_stream_that_is_open(
    world: World,
) -> None:
    session = await initialize(world, {"elicitation": {}})
    async with streaming(world, session) as talk:
        await opened(talk)
        await change(world, "# How", "# 1 How")
        for _ in range(2):
            assert (await ask(world, "subscribe", GUIDE, session))["result"] == {}
        await world.checks.look(1)
        await change(world, "# 1 How", "# 2 How")
        assert (await talk.message())["params"] == {"uri": GUIDE}
        for _ in range(2):
            assert (await ask(world, "unsubscribe", GUIDE, session))["result"] == {}
        await world.checks.look(1)
        await change(world, "# 2 How", "# 3 How")
        await change(world, "title: Plan the week", "title: Plan a week")
        assert (await talk.message())["method"] == "notifications/prompts/list_changed"


async def test_sessions_of_one_person_have_subscriptions_of_their_own_a320(world: World) -> None:
    """Nor does somebody else with the id of a session hear what its client watches."""
    session, other = await initialize(world, {}), await initialize(world, {})
    await ask(world, "subscribe", GUIDE, session)
    stranger = {**session, "authorization": f"Bearer {world.token(sub='usr_bo')}"}
    async with (
        streaming(world, session) as talk,
        streaming(world, other) as unsubscribed,
        streaming(world, stranger) as strange,
    ):
        for each in (talk, unsubscribed, strange):
            await opened(each)
        await change(world, "# How we work", "# How we worked")
        assert (await talk.message())["params"] == {"uri": GUIDE}
        assert unsubscribed.sent.empty() and strange.sent.empty()


async def test_a_session_that_another_person_began_opens_no_stream_a320(world: World) -> None:
    session = await initialize(world, {"elicitation": {}})
    stranger = {**session, "authorization": f"Bearer {world.token(sub='usr_bo')}"}
    async with streaming(world, stranger) as talk:
        assert (await talk.message())["error"]["code"] == 404
        assert talk.status == 404


async def test_what_a_client_may_not_read_it_can_not_subscribe_to_a320(world: World) -> None:
    session = await initialize(world, {})
    for uri, claims in (
        ("tracker://nothing", {}),
        ("tracker://tasks/7", {"allowed_tools": ["list_tasks"]}),
        ("tracker://tasks/7", {"scope": "other"}),
    ):
        error = (await ask(world, "subscribe", uri, session, **claims))["error"]
        assert error == {"code": -32002, "message": "Resource not found", "data": {"uri": uri}}


async def test_a_resource_of_which_nobody_would_hear_can_not_be_subscribed_to(
    world: World,
) -> None:
    error = (await ask(world, "subscribe", "tracker://tasks/7", {}))["error"]
    assert error["code"] == -32602
    assert error["message"].startswith("Nothing tells this server when this resource changes")


@pytest.mark.parametrize("method", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("uri", [1, None, "x" * 10_000])
async def test_a_value_that_is_not_a_uri_is_refused(world: World, method: str, uri: object) -> None:
    assert (await ask(world, method, uri, {}))["error"]["code"] == -32602


async def test_a_client_watches_a_limited_number_of_resources(tmp_path: Path) -> None:
    manifest = tmp_path / "tools.yaml"
    resources = "".join(f"  r{n}: {{uri: 'x:{n}', text: t}}\n" for n in range(MOST_URIS + 1))
    manifest.write_text(f"version: 1\nname: Many\ntools: {{}}\nresources:\n{resources}")
    async with a_world(tmp_path, manifest=manifest) as world:
        for number in range(MOST_URIS):
            assert (await ask(world, "subscribe", f"x:{number}", {}))["result"] == {}
        error = (await ask(world, "subscribe", f"x:{MOST_URIS}", {}))["error"]
        assert f"watches {MOST_URIS} resources" in error["message"]
        await ask(world, "unsubscribe", "x:0", {})
        assert (await ask(world, "subscribe", f"x:{MOST_URIS}", {}))["result"] == {}


async def test_a_second_stream_of_a_session_replaces_the_first(world: World) -> None:
    """2025-11-25 transports, Multiple Connections: no message goes to two streams."""
    session = await initialize(world, {})
    async with streaming(world, session) as first, streaming(world, session) as second:
        await opened(first)
        await opened(second)
        assert await first.chunk() == b""
        assert first.ended
        await change(world, "title: Plan the week", "title: Plan a week")
        assert (await second.message())["method"] == "notifications/prompts/list_changed"


async def test_a_client_without_a_session_hears_of_changed_lists(world: World) -> None:
    async with streaming(world) as talk, streaming(world) as other:
        for each in (talk, other):
            await opened(each)
        await change(world, "title: Plan the week", "title: Plan a week")
        for each in (talk, other):
            assert (await each.message())["method"] == "notifications/prompts/list_changed"


async def test_the_stream_of_a_revoked_connection_ends_a318(world: World) -> None:
    async with streaming(world, await initialize(world, {})) as talk:
        await opened(talk)
        revoked = Revocation(kind="family", key="jti_1", expires_at=1 << 40)
        await world.feed.announce(revoked)
        await world.checks.look(1)
        assert await talk.chunk() == b""
        assert talk.ended


async def test_the_stream_ends_when_the_process_stops(world: World) -> None:
    async with streaming(world, await initialize(world, {})) as talk:
        await opened(talk)
        world.stopping.end_waits()
        assert await talk.chunk() == b""
        assert talk.ended


async def test_a_client_for_which_there_is_no_room_works_on_without_a_stream_a319(
    world: World,
) -> None:
    """405 is what it would get from a server that has no streams."""
    async with AsyncExitStack() as stack:
        for _ in range(MOST_OF_ONE):
            await opened(await stack.enter_async_context(streaming(world)))
        async with streaming(world) as refused:
            message = await refused.message()
        assert refused.status == 405
        assert message["error"] == "too_many_streams"
        assert f"{MOST_OF_ONE} open streams" in message["error_description"]
        assert (await world.call("old", "get_task", {"id": "7"}))["isError"] is False


async def test_a_gateway_without_streams_has_neither_get_nor_subscriptions(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path, manifest=API / "talking.yaml", notification_streams=0) as world:
        async with streaming(world) as talk:
            assert await talk.chunk() == b""
        assert (talk.status, talk.headers["allow"]) == (405, "POST")
        for method in ("subscribe", "unsubscribe"):
            assert (await ask(world, method, GUIDE, {}))["error"]["code"] == -32601


async def test_a_catalogue_whose_resources_never_change_has_no_subscriptions(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path) as world:
        assert (await ask(world, "subscribe", GUIDE, {}))["error"]["code"] == -32601
