"""Well-known names: the page marks a client that uses one without its owner's host."""

from typing import Any

import pytest

from auth_server.branding import Branding
from auth_server.pages.consent.lookalikes import find_lookalike
from auth_server.records.clients.table import Client
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock

FIRST_WORDS = """
    Invoice Weather Calendar Support Travel Ledger Garden Recipe Payroll Harbor Meeting Vendor Cobalt
    Lantern Meridian Juniper Clarity Corner Modern Clinical
"""
SECOND_WORDS = "Notes Bot Desk Lens Planner Bridge Runner Assistant Explorer Digest"
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
        # One letter, two letters, digits and signs for another.
        ("CIaude", "Claude"),
        ("GoogIe", "Google"),
        ("Gooqle", "Google"),
        ("SIack", "Slack"),
        ("$lack", "Slack"),
        ("Anthroplc", "Anthropic"),
        ("Orblt", "Orbit"),
        ("Orb|t", "Orbit"),
        ("0penAl", "OpenAI"),
        ("Micr0soft 365", "Microsoft"),
        ("G!tHub", "GitHub"),
        ("VVindsurf", "Windsurf"),
        ("Winclsurf", "Windsurf"),
        ("rnicrosoft", "Microsoft"),
        ("Gernini", "Gemini"),
        # Spaces, and words without them.
        ("Chat GPT", "ChatGPT"),
        ("chat-gpt", "ChatGPT"),
        ("C l a u d e", "Claude"),
        ("Open AI", "OpenAI"),
        ("MyClaude", "Claude"),
        ("claudedesktop", "Claude"),
        ("Slack2", "Slack"),
        ("Slack!", "Slack"),
        # Invisible characters.
        ("Cla\u034fude", "Claude"),
        ("Cla\u180bude", "Claude"),
        ("Cla\ufe0fude", "Claude"),
        ("Cla\u3164ude", "Claude"),
        ("Cla\U000e0041ude", "Claude"),
        # Cherokee, Coptic, Armenian, Greek, Cyrillic, phonetic and Roman numerals.
        ("\u13dflaude", "Claude"),
        ("\u13c0oogle", "Google"),
        ("\u2ca4laude", "Claude"),
        ("\u2c9erbit", "Orbit"),
        ("G\u0585\u0585gle", "Google"),
        ("Cla\u057dde", "Claude"),
        ("Curs\u03bfr", "Cursor"),
        ("Code\u04b3", "Codex"),
        ("cl\u0251ude", "Claude"),
        ("\u1d04\u029f\u1d00\u1d1c\u1d05\u1d07", "Claude"),
        ("\u216dlaude", "Claude"),
        ("Test client", None),
        ("Claudette", None),
        ("Windsurfing School", None),
        ("Cursory Reader", None),
        ("Modern Modem", None),
        ("Slackline Tracker", None),
        ("Googolplex", None),
        ("Open Air Market", None),
        ("Chat Group", None),
        ("Misanthropic", None),
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


def test_hundreds_of_ordinary_names_are_not_marked() -> None:
    names = [
        f"{first}{gap}{second}"
        for first in FIRST_WORDS.split()
        for second in SECOND_WORDS.split()
        for gap in (" ", "")
    ]

    marked = [n for n in names if find_lookalike(client(n), LOOPBACK, own_names=("Orbit", ""))]

    assert (len(names), marked) == (400, [])


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


async def test_an_app_that_calls_itself_like_the_product_is_marked_a45(
    sqlite_url: str, clock: Clock
) -> None:
    """The product's name on the pages may differ from the service's in the catalogue."""
    async with running_auth_server(sqlite_url, clock, branding=Branding(name="Planwell")) as server:
        app = await server.client(client_name="P1an Well \u034f Support")
        page = await server.person().reach_consent(app.authorize_url())

    assert "calls itself Planwell, but it does not come from Planwell" in page.text
    assert "P1an Well Support" in page.text


async def test_an_app_that_calls_itself_like_the_service_is_marked_a45(
    auth_server: AuthServer,
) -> None:
    app = await auth_server.client(client_name="Orbit Security")
    page = await auth_server.person().reach_consent(app.authorize_url())

    assert "calls itself Orbit, but it does not come from Orbit" in page.text
