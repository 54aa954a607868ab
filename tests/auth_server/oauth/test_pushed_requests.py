"""Clients push their authorization requests, so that browsers carry only an address (RFC 9126)."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from auth_server.records.clients.table import Client
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.operator import add

SECRET = "not-a-secret-0123456789abcdef0123456789"


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """Read a refusal."""
    return answer.status_code, answer.json().get("error", "none")


async def push(client: OAuthClient, **changes: str | None) -> httpx2.Response:
    """Push the client's request, with changed parameters."""
    query = parse_qs(urlsplit(client.authorize_url(**changes)).query)
    form = {name: values[0] for name, values in query.items()}
    return await client.http.post(f"{client.issuer}/par", data=form)


def url_for(client: OAuthClient, request_uri: str, **others: str) -> str:
    """Build the URL to which the client sends a browser."""
    query = {"client_id": client.client_id, "request_uri": request_uri, **others}
    return f"{client.issuer}/authorize?{urlencode(query)}"


async def pushed(client: OAuthClient, **others: str) -> str:
    """Push the client's request; return the URL to open."""
    answer = await push(client)
    assert answer.status_code == 201, answer.text
    return url_for(client, answer.json()["request_uri"], **others)


@pytest.mark.both_databases
async def test_a_pushed_request_leads_to_consent_and_tokens(auth_server: AuthServer) -> None:
    """RFC 9126 §2 and §4."""
    client = await auth_server.client()
    answer = await push(client)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["expires_in"] == 60
    uri = answer.json()["request_uri"]

    url = await auth_server.person().approve(url_for(client, uri))

    assert answer_of(url)["state"] == client.state
    assert (await client.redeem(answer_of(url)["code"])).status_code == 200


async def test_an_address_that_was_guessed_is_unknown_a204(sqlite_server: AuthServer) -> None:
    """RFC 9126 §7.1: it has 256 random bits, and only its hash is stored."""
    client = await sqlite_server.client()
    uri = (await push(client)).json()["request_uri"]

    page = await sqlite_server.person().open(url_for(client, f"{uri[:-1]}~"))

    assert len(uri.rpartition(":")[2]) >= 43
    assert page.status == 400
    assert "request_uri is unknown" in page.text


async def test_a_push_redirects_nobody_to_an_unregistered_address_a205(
    sqlite_server: AuthServer,
) -> None:
    """RFC 9126 §7.2: a pushed redirect URI is compared as one in a browser is."""
    client = await sqlite_server.client()

    refused = await push(client, redirect_uri="https://evil.example/callback")
    url = await pushed(client, redirect_uri="https://evil.example/callback")
    callback = await sqlite_server.person().approve(url)

    assert error_of(refused) == (400, "invalid_request")
    assert callback.startswith(client.redirect_uri)


async def test_what_a_browser_adds_to_the_address_changes_nothing_a10_a205(
    sqlite_server: AuthServer,
) -> None:
    """RFC 9126 §4: only what was pushed counts."""
    client = await sqlite_server.client()
    url = await pushed(client, scope="mcp:admin", state="forged", code_challenge="A" * 43)

    callback = await sqlite_server.person().approve(url)

    assert answer_of(callback)["state"] == client.state
    assert (await client.redeem(answer_of(callback)["code"])).status_code == 200


@pytest.mark.both_databases
async def test_of_fifty_uses_at_once_of_an_address_one_succeeds_a206(
    auth_server: AuthServer,
) -> None:
    """RFC 9126 §7.3: it works once."""
    client = await auth_server.client()
    url = await pushed(client)

    answers = await asyncio.gather(*(auth_server.browser().get(url) for _ in range(50)))

    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 49


async def test_an_address_is_over_after_a_minute_a206(sqlite_server: AuthServer) -> None:
    """RFC 9126 §2.2: a short life."""
    client = await sqlite_server.client()
    url = await pushed(client)
    sqlite_server.clock.advance(seconds=60)

    assert "request_uri is unknown" in (await sqlite_server.person().open(url)).text


async def test_a_client_that_changed_since_the_push_is_checked_again_a207(
    sqlite_server: AuthServer, change_row: Any
) -> None:
    """RFC 9126 §7.4: a redirect URI that was removed, or a client that was blocked."""
    client = await sqlite_server.client()
    url = await pushed(client)
    await change_row(
        sqlite_server, Client, client.client_id, redirect_uris=["https://new.example/callback"]
    )

    page = await sqlite_server.person().open(url)

    assert page.status == 400
    assert "redirect_uri is not registered for this client" in page.text


async def test_the_address_of_another_client_is_unknown_a208(sqlite_server: AuthServer) -> None:
    """RFC 9126 §7.5: nobody swaps the requests of two clients."""
    client, other = await sqlite_server.client(), await sqlite_server.client()
    uri = (await push(client)).json()["request_uri"]

    page = await sqlite_server.person().open(url_for(other, uri))

    assert "request_uri is unknown" in page.text
    assert (await sqlite_server.person().open(url_for(client, uri))).status == 200


async def test_a_client_that_must_push_is_refused_in_the_browser_a205(
    sqlite_server: AuthServer,
) -> None:
    """RFC 9126 §6: the client itself asks for that when it registers, or an operator does."""
    client = await sqlite_server.client(require_pushed_authorization_requests=True)

    answer = await sqlite_server.browser().get(client.authorize_url())
    page = await sqlite_server.person().reach_consent(await pushed(client))

    assert answer_of(answer.headers["location"])["error"] == "invalid_request"
    assert "wants to access Orbit" in page.text


async def test_a_confidential_client_authenticates_to_push_and_its_secret_is_not_kept_a204(
    sqlite_server: AuthServer,
) -> None:
    """RFC 9126 §2: as at the token endpoint."""
    await add(
        sqlite_server,
        clients=[
            {
                "client_id": "web-app",
                "name": "Web app",
                "redirect_uris": ["https://app.example/cb"],
                "token_endpoint_auth_method": "client_secret_post",
                "secret": SECRET,
                "must_push": True,
            }
        ],
    )
    client = OAuthClient(
        sqlite_server.http,
        sqlite_server.issuer,
        sqlite_server.resource,
        "web-app",
        redirect_uri="https://app.example/cb",
    )

    refused = await push(client)
    answer = await push(client, client_secret=SECRET)
    pages = await sqlite_server.person().reach_consent(
        url_for(client, answer.json()["request_uri"])
    )

    assert error_of(refused) == (401, "invalid_client")
    assert "Web app wants to access Orbit" in pages.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"code_challenge": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "nothing:here"}, "invalid_scope"),
        ({"resource": "https://elsewhere.example/mcp"}, "invalid_target"),
        ({"client_id": "unknown"}, "invalid_client"),
    ],
)
async def test_a_wrong_push_is_told_what_is_wrong(
    sqlite_server: AuthServer, changes: dict[str, str | None], error: str
) -> None:
    """RFC 9126 §2.3: as JSON, with the errors of both endpoints."""
    assert (await push(await sqlite_server.client(), **changes)).json()["error"] == error


async def test_a_flood_of_pushes_has_to_wait_a204(sqlite_url: str) -> None:
    """Nobody fills the table."""
    async with running_auth_server(sqlite_url, Clock(), authorizations_per_minute=5) as server:
        client = await server.client()
        answers = [await push(client) for _ in range(7)]

    assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 2
