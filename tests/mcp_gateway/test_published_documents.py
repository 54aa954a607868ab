"""What clients and directories read before they connect: served if the operator published it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from gatepost.settings import SettingsError
from gatepost_cli.config import config
from mcp_gateway.manifest.load import load_catalogue
from support.in_process.gateway import World, a_world
from support.in_process.publisher import Publisher
from support.in_process.tokens import RESOURCE

PLACES = {
    "/mcp/server-card": "application/mcp-server-card+json",
    "/.well-known/ai-catalog.json": "application/ai-catalog+json",
    "/.well-known/openai-apps-challenge": "text/plain; charset=utf-8",
    "/.well-known/mcp-registry-auth": "text/plain; charset=utf-8",
}


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A folder that was written for the gateway of these tests."""
    publisher = Publisher(tmp_path)
    publisher.settings["resource"] = RESOURCE
    result = publisher.run("--write", str(tmp_path / "public"))
    assert result.exit_code == 0, result.output
    return tmp_path / "public"


@pytest.mark.parametrize("place", PLACES)
async def test_nothing_is_served_that_was_not_published(world: World, place: str) -> None:
    assert (await world.http.get(place)).status_code == 404


@pytest.mark.parametrize(("place", "media_type"), PLACES.items(), ids=list(PLACES))
async def test_a_document_is_served_to_everybody_and_can_be_cached(
    tmp_path: Path, public: Path, place: str, media_type: str
) -> None:
    """SEP-2127, Discovery: CORS, Caching."""
    async with a_world(tmp_path, published=public) as world:
        answer = await world.http.get(place)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == media_type
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-expose-headers"] == "etag"
        assert answer.headers["cache-control"] == "public, max-age=3600"
        etag = answer.headers["etag"]
        for known in (etag, f'"other", W/{etag}', "*"):
            same = await world.http.get(place, headers={"if-none-match": known})
            assert (same.status_code, same.content) == (304, b"")
        head = await world.http.head(place)
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", etag)
        other = await world.http.get(place, headers={"if-none-match": '"other"'})
        assert other.content == answer.content
        asked = await world.http.options(place)
        assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "GET")
        assert (await world.http.post(place)).status_code == 405


async def test_the_proofs_are_the_tokens_alone(tmp_path: Path, public: Path) -> None:
    async with a_world(tmp_path, published=public) as world:
        challenge = await world.http.get("/.well-known/openai-apps-challenge")
        proof = await world.http.get("/.well-known/mcp-registry-auth")
    assert challenge.text == "token-of-the-form"
    assert proof.text == (public / "mcp-registry-auth").read_text().strip()


async def test_the_card_names_no_tool_and_agrees_with_the_server_a343(
    tmp_path: Path, public: Path
) -> None:
    """A person sees only the tools that they allowed; the public document must not name the others."""
    async with a_world(tmp_path, published=public) as world:
        world.http.headers["authorization"] = f"Bearer {world.token()}"
        card = (await world.http.get("/mcp/server-card")).json()
        [entry] = (await world.http.get("/.well-known/ai-catalog.json")).json()["entries"]
        assert entry["url"] == f"{RESOURCE}/server-card"
        assert not any(
            name in json.dumps(card)
            for name in load_catalogue(world.settings.served_apis[0].manifest).tools
        )
        transport = streamable_http_client(card["remotes"][0]["url"], http_client=world.http)
        async with Client(transport) as client:
            assert client.protocol_version in card["remotes"][0]["supportedProtocolVersions"]
            assert client.server_info is not None
            assert client.server_info.version == card["version"]


async def test_no_other_file_of_the_folder_is_served_a342(tmp_path: Path, public: Path) -> None:
    (public / "registry-key.pem").write_text("secret")
    async with a_world(tmp_path, published=public) as world:
        for place in ("/mcp/server-card/../registry-key.pem", "/registry-key.pem"):
            assert (await world.http.get(place)).status_code == 404
        for name in ("tools.json", "submission-claude.md", "server.json"):
            for folder in ("/", "/mcp/", "/.well-known/"):
                assert (await world.http.get(folder + name)).status_code == 404


async def test_no_header_changes_a_byte_of_a_published_document_a133(
    tmp_path: Path, public: Path
) -> None:
    spoofed = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    async with a_world(tmp_path, published=public) as world:
        for place in PLACES:
            usual = await world.http.get(place)
            assert (await world.http.get(place, headers=spoofed)).content == usual.content


OWN = {"remotes": [{"url": "http://127.0.0.1:8401/mcp"}]}
OTHER = {"version": "1", "remotes": [{"url": "https://other.example.com/mcp"}]}
WRONG: list[tuple[str, Any, str]] = [
    ("server-card.json", json.dumps(OTHER), "describes the server at https://other.example.com"),
    ("server-card.json", json.dumps(OWN), "version must be one word"),
    ("server-card.json", json.dumps(OWN | {"version": 7}), "version must be one word"),
    ("server-card.json", json.dumps(OWN | {"version": "1\u202e"}), "version must be one word"),
    ("server-card.json", json.dumps(OWN | {"version": "1" * 256}), "version must be one word"),
    ("server-card.json", "[]", "must hold a JSON object"),
    ("server-card.json", "{", "is not JSON"),
    ("server-card.json", '{"remotes": [7]}', "describes the server at None"),
    ("ai-catalog.json", "{" + " " * 70_000 + "}", "is larger than"),
    ("mcp-registry-auth", "-----BEGIN PRIVATE KEY-----", "contains a private key"),
    ("openai-apps-challenge", "two\nlines", "must hold one line"),
    ("openai-apps-challenge", "", "must hold one line"),
]


@pytest.mark.parametrize(
    ("name", "content", "said"), WRONG, ids=[str(number) for number in range(len(WRONG))]
)
async def test_a_document_that_must_not_be_published_stops_the_start_a342(
    tmp_path: Path, public: Path, name: str, content: str, said: str
) -> None:
    (public / name).write_text(content)
    with pytest.raises(SettingsError, match="published: ") as refused:
        async with a_world(tmp_path, published=public):
            pass
    assert said in str(refused.value)


def test_the_check_of_the_configuration_reads_the_published_documents(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.settings["published"] = "nowhere"
    publisher.run("--init")
    result = CliRunner().invoke(config, ["check", "--config", str(tmp_path / "gatepost.yaml")])
    assert result.exit_code == 1
    assert "nowhere is not a folder; make it with `gatepost publish --write`" in result.output
