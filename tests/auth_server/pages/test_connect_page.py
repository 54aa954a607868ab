"""The connect page: every link and command contains exactly this gateway's URL."""

import base64
import json
import re
import shlex
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import event

from auth_server.branding import Branding
from auth_server.pages.connect.install import Install, describe_installs
from auth_server.settings import ResourceSettings
from support.in_process.auth_server import RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock

OTHER = "https://mcp.orbit.example/sales-1.0/mcp"
INSTALL = Install("orbit", "Orbit & Söhne", OTHER)


def one(query: str) -> dict[str, str]:
    """Read a query in which every name comes once."""
    return {name: value for name, (value,) in parse_qs(query, strict_parsing=True).items()}


def test_the_link_to_cursor_contains_only_the_url() -> None:
    link = urlsplit(INSTALL.cursor_link)
    given = one(link.query)
    assert (link.scheme, link.netloc, link.path) == (
        "cursor",
        "anysphere.cursor-deeplink",
        "/mcp/install",
    )
    assert set(given) == {"name", "config"}
    assert given["name"] == "orbit"
    assert json.loads(base64.b64decode(given["config"], validate=True)) == {"url": OTHER}


@pytest.mark.parametrize(
    ("link", "scheme"),
    [(INSTALL.vscode_link, "vscode"), (INSTALL.vscode_insiders_link, "vscode-insiders")],
)
def test_the_links_to_visual_studio_code_hold_the_whole_configuration(
    link: str, scheme: str
) -> None:
    start, _, config = link.partition("?")
    assert start == f"{scheme}:mcp/install"
    assert json.loads(unquote(config)) == {"name": "orbit", "type": "http", "url": OTHER}
    assert not set(config) & set("\"'<>& {}")


def test_the_link_to_claude_fills_in_name_and_url() -> None:
    link = urlsplit(INSTALL.claude_link)
    assert (link.scheme, link.netloc, link.path) == ("https", "claude.ai", "/customize/connectors")
    assert one(link.query) == {
        "modal": "add-custom-connector",
        "connectorName": "Orbit & Söhne",
        "connectorUrl": OTHER,
    }


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (INSTALL.claude_code_command, "claude mcp add --scope user --transport http orbit URL"),
        (INSTALL.gemini_command, "gemini mcp add --scope user --transport http orbit URL"),
        (INSTALL.codex_commands.splitlines()[0], "codex mcp add orbit --url URL"),
        (INSTALL.codex_commands.splitlines()[1], "codex mcp login orbit"),
        (
            INSTALL.inspector_command,
            "npx @modelcontextprotocol/inspector --transport http --server-url URL",
        ),
        (INSTALL.gatepost_command, "gatepost connect URL"),
    ],
)
def test_a_shell_reads_a_command_as_a_person_does(command: str, words: str) -> None:
    assert shlex.split(command) == words.replace("URL", OTHER).split()


def test_the_command_and_the_file_for_others_hold_the_same() -> None:
    *start, config = shlex.split(INSTALL.vscode_command)
    assert start == ["code", "--add-mcp"]
    assert json.loads(config) == {"name": "orbit", "type": "http", "url": OTHER}
    assert json.loads(INSTALL.json_config) == {
        "mcpServers": {"orbit": {"type": "http", "url": OTHER}}
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://mcp.example/$(id)",
        "https://mcp.example/`id`",
        "https://mcp.example/a;id",
        "https://mcp.example/a&calc",
        "https://mcp.example/a|id",
        "https://mcp.example/a'b",
        "https://mcp.example/%24(id)",
        "https://mcp.example/a b",
        "https://user@mcp.example/",
        "javascript:alert(1)",
        "file:///etc/passwd",
    ],
)
def test_no_url_runs_anything_at_a_client_a167(url: str) -> None:
    """CVE-2025-6514: a client handed what a server called its URL to a shell."""
    with pytest.raises(ValidationError):
        ResourceSettings(resource=url)


@given(st.lists(st.text(max_size=80), min_size=1, max_size=6))
def test_any_services_get_plain_and_different_names(titles: list[str]) -> None:
    names = [install.name for install in describe_installs([(t, OTHER) for t in titles])]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)


async def test_strangers_who_read_the_public_pages_cause_no_reading_of_catalogues(
    sqlite_server: AuthServer,
) -> None:
    client, statements = await sqlite_server.client(), list[str]()
    await sqlite_server.person().reach_consent(client.authorize_url())
    event.listen(
        sqlite_server.opened.database.engine.sync_engine,
        "before_cursor_execute",
        lambda _, __, statement, *___: statements.append(statement),
    )
    page = await sqlite_server.http.get("/")
    text = await sqlite_server.http.get("/llms.txt")

    assert (page.status_code, text.status_code) == (200, 200)
    assert "orbit" in text.text
    assert [statement for statement in statements if "catalogues" in statement] == []


async def test_anybody_finds_how_to_connect_each_service(sqlite_url: str, clock: Clock) -> None:
    resources = (ResourceSettings(resource=RESOURCE), ResourceSettings(resource=OTHER))
    async with running_auth_server(sqlite_url, clock, resources=resources) as server:
        client = await server.client()
        await server.person().reach_consent(client.authorize_url())
        page = await server.person().open("/")
        text = await server.http.get("/llms.txt")

    first, second = describe_installs([("Orbit", RESOURCE), ("", OTHER)])
    assert (first.name, second.name) == ("orbit", "mcp-orbit-example")
    for install in (first, second):
        for link in (install.cursor_link, install.vscode_link, install.claude_link):
            assert f'href="{link.replace("&", "&amp;")}"' in page.html
            assert link.startswith("vscode:") or link in text.text
        for command in (install.claude_code_command, install.gemini_command):
            assert command in page.text
            assert command in text.text
        assert install.json_config in text.text
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert server.issuer in text.text


async def test_two_services_with_one_name_are_landmarks_with_different_names(
    sqlite_url: str, clock: Clock
) -> None:
    resources = (ResourceSettings(resource=RESOURCE), ResourceSettings(resource=OTHER))
    branding = Branding(name="Orbit")
    async with running_auth_server(
        sqlite_url, clock, resources=resources, branding=branding
    ) as server:
        html = (await server.http.get("/")).text

    landmarks = re.findall(r'<section aria-labelledby="([^"]+)"', html)
    texts = dict(re.findall(r'id="([^"]+)"[^>]*>(?:<code>)?([^<]*)', html))
    names = [" ".join(texts[part] for part in found.split()) for found in landmarks]
    assert names == [f"Orbit {RESOURCE}", f"Orbit {OTHER}"]


async def test_a_reader_chooses_the_language_of_the_pages_that_follow(
    table_server: AuthServer,
) -> None:
    person = table_server.person()
    german = await person.open("/?ui_locales=de")
    client = await table_server.client()
    later = await person.open(client.authorize_url())

    assert "Verbinden Sie Ihre KI-App" in german.text
    assert '<html lang="de">' in later.html


async def test_every_address_that_clients_discover_is_plain_a167(table_server: AuthServer) -> None:
    document = (await table_server.http.get("/.well-known/oauth-authorization-server")).json()
    addresses = [v for v in document.values() if isinstance(v, str)]
    assert len(addresses) > 5
    for address in addresses:
        assert re.fullmatch(r"https?://[A-Za-z0-9.:/_-]+", address), address
