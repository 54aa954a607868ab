"""A model says what it is trying to do, if the manifest asks: operators read it, and the API never does."""

import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.metering.call_event import (
    LONGEST_STATED,
    read_event,
    without_words,
    write_event,
)
from mcp_gateway.catalogue.catalogue import fingerprint
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.pipeline.stated import clean_words
from mcp_gateway.review.token_estimate import tool_tokens
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.in_process.gateway import META, MODERN, World, a_world

_WORDS = st.sampled_from("abcé\u0301\u0323\u0308ßжह\u093f\u0941\u094dก\u0e34かﾄ")
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
BOTH = pytest.mark.parametrize("era", ["old", "new"])
TOOLS = """
tools:
  list_tasks: {operation: listTasks, bind: {org_id: tenant_id}}
  buy: {operation: buy}
  remove_all: {operation: removeAll, confirm: Remove everything?}
"""
HEAD = "version: 1\nname: Shop\nopenapi: openapi.json\n"


def _query(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]


def write_manifest(folder: Path, head: str = HEAD) -> Path:
    """Write a manifest with a tool of whose own arguments one is called `purpose`."""
    paths = {
        "/tasks": {"get": {"operationId": "listTasks", "parameters": _query("org_id", "q")}},
        "/orders": {"post": {"operationId": "buy", "parameters": _query("purpose")}},
        "/all": {"delete": {"operationId": "removeAll", "parameters": _query("really")}},
    }
    document = {"openapi": "3.1.0", "paths": paths}
    (folder / "openapi.json").write_bytes(orjson.dumps(document))
    manifest = folder / "tools.yaml"
    manifest.write_text(head + TOOLS)
    return manifest


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway whose manifest asks for the purpose."""
    manifest = write_manifest(tmp_path, f"{HEAD}ask_purpose: true\n")
    async with a_world(tmp_path, manifest=manifest) as opened:
        yield opened


async def arguments_of(world: World, era: str) -> dict[str, list[str]]:
    """Read the names of each listed tool's arguments."""
    tools = (await world.ask(era, "tools/list")).json()["result"]["tools"]
    return {tool["name"]: list(tool["inputSchema"]["properties"]) for tool in tools}


@BOTH
async def test_each_tool_has_an_optional_argument_that_does_not_hide_its_own(
    shop: World, era: str
) -> None:
    tools = (await shop.ask(era, "tools/list")).json()["result"]["tools"]

    assert await arguments_of(shop, era) == {
        "buy": ["purpose", "purpose_of_call"],
        "list_tasks": ["q", "purpose"],
        "remove_all": ["really", "purpose"],
    }
    assert all("purpose" not in tool["inputSchema"].get("required", ()) for tool in tools)


@BOTH
async def test_the_api_gets_no_purpose_and_the_event_its_words(shop: World, era: str) -> None:
    arguments = {"q": "x", "purpose": "Prepare report no. 7 for ada@acme.example"}
    result = await shop.call(era, "list_tasks", arguments)
    await shop.call(era, "buy", {"purpose": "its own", "purpose_of_call": "Order paper"})

    assert result["isError"] is False
    first, second = shop.api.requests
    assert first.url.endswith("/tasks?org_id=org_acme&q=x")
    assert second.url.endswith("/orders?purpose=its%20own")
    assert [record["purpose"] for record in shop.records] == [
        "prepare report no for",
        "order paper",
    ]


@BOTH
@pytest.mark.parametrize("purpose", [7, None, ["x"], {"a": "b"}, "x" * 100_000, "\x00 \u202e"])
async def test_no_purpose_makes_a_call_fail(shop: World, era: str, purpose: Any) -> None:
    result = await shop.call(era, "list_tasks", {"purpose": purpose})

    assert result["isError"] is False
    assert shop.records[0]["purpose"] == ""


async def test_a_person_who_confirms_sees_what_is_sent_without_the_purpose(shop: World) -> None:
    arguments = {"really": "yes", "purpose": "tidy up"}
    meta = {**META, CAPABILITIES: {"elicitation": {}}}
    params = {"name": "remove_all", "arguments": arguments, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    mirrored = {"mcp-method": "tools/call", "mcp-name": "remove_all"}
    headers = {"mcp-protocol-version": MODERN, **mirrored}

    asked = (await shop.post(body, headers=headers)).json()["result"]

    [request] = asked["inputRequests"].values()
    assert "really: yes" in request["params"]["message"]
    assert "tidy" not in request["params"]["message"]


@BOTH
async def test_a_client_that_still_sends_the_argument_after_it_is_gone_is_not_refused(
    tmp_path: Path, era: str
) -> None:
    async with a_world(tmp_path, manifest=write_manifest(tmp_path)) as world:
        assert (await arguments_of(world, era))["list_tasks"] == ["q"]
        result = await world.call(era, "list_tasks", {"purpose": "report"})

        other = await world.call(era, "list_tasks", {"porpoise": "report"})

    assert result["isError"] is False
    [request] = world.api.requests
    assert "purpose" not in request.url
    assert world.records[0]["purpose"] == ""
    assert other["isError"] is True


def test_digests_and_token_counts_tell_both_states_apart(tmp_path: Path) -> None:
    without = load_catalogue(write_manifest(tmp_path))
    off = load_catalogue(write_manifest(tmp_path, f"{HEAD}ask_purpose: false\n"))
    on = load_catalogue(write_manifest(tmp_path, f"{HEAD}ask_purpose: true\n"))

    assert off.hash == without.hash != on.hash
    for name, tool in on.tools.items():
        assert fingerprint(tool) != fingerprint(off.tools[name])
        assert 30 < tool_tokens(tool) - tool_tokens(off.tools[name]) < 90
    resource = "https://mcp.example.com/mcp"
    assert on.document(resource).asks_purpose is True
    assert off.document(resource).asks_purpose is False


@given(st.text(max_size=3_000))
def test_kept_words_have_no_digit_and_are_bounded(text: str) -> None:
    words = clean_words(text)

    assert len(words) <= LONGEST_STATED
    assert not any(character.isdigit() or character in "@/:_" for character in words)
    assert clean_words(words) == words
    event = call_event(Clock()(), searched=words, purpose=words)
    assert read_event(orjson.loads(write_event(event))) == event


@given(st.text(_WORDS, min_size=1, max_size=24))
def test_words_of_letters_and_their_marks_are_kept_however_they_are_composed(word: str) -> None:
    letters = "a" + word
    for form in ("NFC", "NFD"):
        written = unicodedata.normalize(form, letters)
        if len(written) <= 24:
            assert clean_words(written) == unicodedata.normalize("NFC", letters)


def test_words_of_scripts_with_vowel_signs_are_kept() -> None:
    assert clean_words("साप्ताहिक रिपोर्ट, cafe\u0301!") == "साप्ताहिक रिपोर्ट café"
    assert clean_words("\u0301\u0301 heart\ufe0f \u2764\ufe0f") == "heart"


@given(st.text(alphabet='a",:searchd\\{}', max_size=60))
def test_a_log_line_has_every_other_member_and_no_words(error: str) -> None:
    event = call_event(Clock()(), error=error)
    stated = event._replace(searched="weather", purpose="plan a trip")

    assert without_words(write_event(stated)) == write_event(event)
    assert without_words(write_event(event)) == write_event(event)
