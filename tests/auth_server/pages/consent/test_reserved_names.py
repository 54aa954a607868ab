"""Well-known names: the page marks a client that uses one without its owner's host."""

from typing import Any

import pytest

from auth_server.pages.consent.lookalikes import find_lookalike
from auth_server.records.clients.table import Client
from support.in_process.auth_server import AuthServer
from support.in_process.clock import Clock

LOOPBACK = "http://127.0.0.1:3999/callback"


def client(name: str, source: Any = "dynamic", client_id: str = "client_x") -> Client:
    """A client with this name."""
    return Client(
        client_id=client_id,
        source=source,
        name=name,
        redirect_uris=[],
        grant_types=[],
        token_endpoint_auth_method="none",
        application_type="native",
        created_at=Clock()(),
    )


@pytest.mark.parametrize(
    ("name", "pretends"),
    [
        ("Claude", "Claude"),
        ("CLAUDE CODE", "Claude"),
        ("claude-code", "Claude"),
        ("ClaudeCode", "Claude"),
        ("\u0421l\u0430ud\u0435", "Claude"),
        ("C\u0308laude", "Claude"),
        ("C1aude", "Claude"),
        ("\uff23\uff4c\uff41\uff55\uff44\uff45", "Claude"),
        ("ChatGPT (official)", "ChatGPT"),
        ("Visual Studio Code", "Visual Studio"),
        ("VSCode", "VS Code"),
        ("Cursor", "Cursor"),
        ("Orbit", "Orbit"),
        ("0rb\u0456t Support", "Orbit"),
        ("Gatepost", "Gatepost"),
        ("Test client", None),
        ("Claudia's notes", None),
        ("Precursors", None),
        ("Orbital", None),
        ("Zedtown", None),
        ("", None),
    ],
)
def test_a_borrowed_name_is_seen_through_its_disguise_a45(name: str, pretends: str | None) -> None:
    found = find_lookalike(client(name), LOOPBACK, own_names=("Orbit",))
    assert (found.name if found else None) == pretends


@pytest.mark.parametrize(
    ("source", "client_id", "redirect_uri", "marked"),
    [
        ("dynamic", "client_x", LOOPBACK, True),
        ("dynamic", "client_x", "https://evil.example/cb", True),
        ("dynamic", "client_x", "https://claude.ai/api/mcp/auth_callback", False),
        ("dynamic", "client_x", "https://claude.ai.evil.example/cb", True),
        ("dynamic", "client_x", "https://notclaude.ai/cb", True),
        ("dynamic", "client_x", "http://localhost:1/claude.ai", True),
        ("dynamic", "client_x", "claude://claude.ai/cb", True),
        ("document", "https://claude.ai/oauth/metadata", LOOPBACK, False),
        ("document", "https://api.claude.ai/oauth/metadata", LOOPBACK, False),
        ("document", "https://evil.example/claude.ai", LOOPBACK, True),
        ("document", "https://claude.ai@evil.example/x", LOOPBACK, True),
        ("managed", "claude", LOOPBACK, False),
    ],
)
def test_only_a_client_from_its_owners_host_may_use_a_known_name_a45(
    source: str, client_id: str, redirect_uri: str, marked: bool
) -> None:
    found = find_lookalike(client("Claude", source, client_id), redirect_uri, own_names=("Orbit",))
    assert (found is not None) is marked


async def test_a_person_reads_that_a_known_name_is_not_proven_a45(auth_server: AuthServer) -> None:
    app = await auth_server.client(client_name="Claude")
    page = await auth_server.person().reach_consent(app.authorize_url())

    assert "calls itself Claude, but we can't verify that it comes from claude.ai" in page.text
    assert "unverified" in page.text and "127.0.0.1:3999" in page.text


async def test_an_app_that_calls_itself_like_the_service_is_marked_a45(
    auth_server: AuthServer,
) -> None:
    app = await auth_server.client(client_name="Orbit Security")
    page = await auth_server.person().reach_consent(app.authorize_url())

    assert "calls itself Orbit, but it does not come from Orbit" in page.text
