"""Calls that carry the token of the account that their person linked at the API."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gatepost.linked_tokens import LinkedTokenAnswer
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.upstream.credentials.linked_account import LinkUnknown
from support.in_process.gateway import META, Links, World, a_world
from support.in_process.talk import initialize, talking

URL = "https://auth.example/account/link?provider=orbit&tenant=org_acme"
CREDENTIAL = {"orbit": {"mode": "linked_account", "provider": "orbit"}}
REFUSED = HttpResponse(401, "application/json", b'{"message":"who is it?"}')
MISSING = LinkedTokenAnswer(state="missing", title="Orbit", url=URL)
OPENS: dict[str, Any] = {"elicitation": {"url": {}}}
ACCEPT = {"action": "accept"}
BOTH = pytest.mark.parametrize("era", ["old", "new"])


def manifest(folder: Path) -> Path:
    """Write a manifest whose API wants the person's own token."""
    document = {
        "openapi": "3.1.0",
        "security": [{"orbit": []}],
        "components": {"securitySchemes": {"orbit": {"type": "http", "scheme": "bearer"}}},
        "paths": {
            "/tasks": {"get": {"operationId": "list"}},
            "/open": {"get": {"operationId": "open", "security": []}},
        },
    }
    (folder / "openapi.json").write_text(json.dumps(document))
    tools = "tools:\n  list: {operation: list}\n  open: {operation: open}\n"
    (folder / "tools.yaml").write_text(f"version: 1\nname: T\nopenapi: openapi.json\n{tools}")
    return folder / "tools.yaml"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway before such an API."""
    async with a_world(
        tmp_path, manifest=manifest(tmp_path), upstream_credentials=CREDENTIAL
    ) as opened:
        yield opened


@pytest.fixture
def links(world: World) -> Links:
    """The authorization server's answers."""
    return world.links


async def test_fifty_calls_of_one_person_ask_once_and_carry_their_token(
    world: World, links: Links
) -> None:
    await asyncio.gather(*(world.call("new", "list") for _ in range(50)))
    assert len(links.asked) == 1
    sent = {world.api.header("authorization", request=number) for number in range(50)}
    assert sent == {"Bearer token-1-of-grant_1"}
    await world.call("new", "open")
    assert world.api.header("authorization") is None


async def test_another_connection_gets_a_token_of_its_own(world: World, links: Links) -> None:
    await world.call("new", "list")
    await world.call("new", "list", token=world.token(grant_id="grant_2", sub="usr_bo", jti="j2"))
    assert world.api.header("authorization") == "Bearer token-2-of-grant_2"


async def test_what_was_kept_for_an_access_token_ends_with_it_a284(
    world: World, links: Links
) -> None:
    """An account that was unlinked, or replaced by another one, ends the person's access tokens."""
    await world.call("new", "list")
    await world.call("new", "list", token=world.token(jti="a-later-one"))
    assert world.api.header("authorization") == "Bearer token-2-of-grant_1"


async def test_a_token_that_the_api_refuses_is_replaced_once_and_not_in_a_loop_a287(
    world: World, links: Links
) -> None:
    await world.call("new", "list")
    world.clock.advance(seconds=6)
    world.api.answer = lambda _: REFUSED
    answer = await world.call("new", "list")
    assert answer["isError"] and "401" in answer["content"][0]["text"]
    assert [one.refused for one in links.asked] == [
        "",
        hashlib.sha256(b"token-1-of-grant_1").hexdigest(),
    ]
    assert len(world.api.requests) == 3


@BOTH
async def test_a_person_without_a_link_is_told_where_to_link_and_nothing_is_sent(
    world: World, links: Links, era: str
) -> None:
    links.answers = [MISSING, LinkedTokenAnswer(state="broken", title="Orbit", url=URL)]
    for told in ("has not linked", "does not accept the link"):
        answer = await world.call(era, "list")
        assert answer["isError"] and URL in answer["content"][0]["text"]
        assert told in answer["content"][0]["text"]
    assert world.api.requests == []
    assert world.records[-1]["reason"] == "not_linked"
    assert not (await world.call(era, "list"))["isError"]  # linked meanwhile


async def test_a_client_that_opens_pages_leads_the_person_there_and_the_call_goes_on(
    world: World, links: Links
) -> None:
    links.answers = [MISSING]
    first = (await ask(world))["result"]
    assert first["resultType"] == "input_required"
    (asked,) = first["inputRequests"].values()
    assert asked["params"]["mode"] == "url" and asked["params"]["url"] == URL
    carried = {"inputResponses": {"link": ACCEPT}, "requestState": first["requestState"]}
    second = (await ask(world, **carried))["result"]
    assert not second.get("isError") and len(world.api.requests) == 1


async def ask(world: World, **carried: Any) -> Any:
    """Call the tool as a newer client that opens pages."""
    meta = {**META, "io.modelcontextprotocol/clientCapabilities": OPENS}
    params = {"name": "list", "arguments": {}, "_meta": meta, **carried}
    async with talking(world, "new", "tools/call", params) as talk:
        return await talk.message()


async def test_an_older_client_that_opens_pages_leads_the_person_there_too(
    world: World, links: Links
) -> None:
    links.answers = [MISSING, MISSING]
    headers = await initialize(world, OPENS)
    params = {"name": "list", "arguments": {}}
    async with talking(world, "old", "tools/call", params, headers=headers) as talk:
        asked = await talk.message()
        assert asked["method"] == "elicitation/create"
        assert asked["params"]["mode"] == "url" and asked["params"]["elicitationId"]
        body = {"jsonrpc": "2.0", "id": asked["id"], "result": ACCEPT}
        assert (await world.post(body, headers=headers)).status_code == 202
        message = await talk.message()
    # The person came back without having linked the account.
    assert message["result"]["isError"] and URL in message["result"]["content"][0]["text"]
    assert world.api.requests == []


async def test_a_program_is_told_that_it_has_no_account(world: World, links: Links) -> None:
    links.answers = [LinkedTokenAnswer(state="nobody", title="Orbit")]
    answer = await world.call("new", "list")
    assert "a service client has none" in answer["content"][0]["text"]
    assert world.api.requests == []


async def test_an_outage_of_the_authorization_server_is_told_and_asked_about_once_in_a_while(
    world: World, links: Links
) -> None:
    links.answers = [LinkUnknown("unreachable")]
    for _ in range(2):
        answer = await world.call("new", "list")
        assert "Try again in 5 seconds" in answer["content"][0]["text"]
    assert len(links.asked) == 1 and world.api.requests == []
    world.clock.advance(seconds=6)
    assert not (await world.call("new", "list"))["isError"]


async def test_a_token_is_in_no_answer_and_no_record_a286(world: World, links: Links) -> None:
    echo = b'{"seen":"Bearer token-1-of-grant_1"}'
    world.api.answer = lambda _: HttpResponse(200, "application/json", echo)
    answer = await world.call("new", "list")
    assert "token-1" not in repr(answer) + repr(world.records)
