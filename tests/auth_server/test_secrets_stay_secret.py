"""After all actions of people and clients, no secret is in the database or in a log line."""

import logging
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from sqlalchemy import inspect, select
from structlog.testing import capture_logs

from auth_server.db.engine import open_database
from auth_server.schema.tables import metadata
from support.in_process.auth_server import AuthServer
from support.in_process.oauth_client import OAuthClient, answer_of

pytestmark = pytest.mark.both_databases


async def everything_stored(database_url: str) -> str:
    """Read every column of every row of every table."""
    database = open_database(database_url)
    cells: list[str] = []
    async with database.reading() as db:
        names = await (await db.connection()).run_sync(lambda c: inspect(c).get_table_names())
        assert {table.name for table in metadata.sorted_tables} <= set(names)
        for table in metadata.sorted_tables:
            for row in (await db.execute(select(table))).all():
                cells += [
                    value.decode("latin-1") if isinstance(value, bytes) else str(value)
                    for value in row
                ]
    await database.engine.dispose()
    return "\n".join(cells)


async def test_no_secret_is_stored_or_logged_a104_a158(
    auth_server: AuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A31, A91, A104, A158: passwords, session ids, codes, verifiers, tokens, client secrets."""
    caplog.set_level(logging.DEBUG)
    secrets: dict[str, str] = {"password": "gatepost-demo"}
    with capture_logs() as events:
        registered = await auth_server.http.post(
            "/register",
            json={
                "client_name": "Test client",
                "redirect_uris": ["https://app.example/cb"],
                "grant_types": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_method": "client_secret_post",
            },
        )
        secrets["client secret"] = registered.json()["client_secret"]
        secrets["registration token"] = registered.json()["registration_access_token"]
        client = OAuthClient(
            auth_server.http,
            auth_server.issuer,
            auth_server.resource,
            registered.json()["client_id"],
            redirect_uri="https://app.example/cb",
        )
        authenticated = {"client_secret": secrets["client secret"]}
        person = auth_server.person()
        page = await person.open(client.authorize_url())
        await person.press(page, "Sign in", fill={"email": person.email, "password": "wrong-pass"})
        secrets["wrong password"] = "wrong-pass"
        callback = await person.approve(client.authorize_url())
        secrets["code"] = answer_of(callback)["code"]
        secrets["verifier"] = client.verifier
        for cookie in person.http.cookies.jar:
            secrets[f"cookie {cookie.name}"] = cookie.value or ""
        tokens = (await client.redeem(secrets["code"], **authenticated)).json()
        secrets["access token"] = tokens["access_token"]
        secrets["refresh token"] = tokens["refresh_token"]
        later = (await client.refresh(tokens["refresh_token"], **authenticated)).json()
        secrets["second access token"] = later["access_token"]
        secrets["second refresh token"] = later["refresh_token"]
        # Refusals are the usual place to quote secrets.
        await client.redeem(secrets["code"], **authenticated)
        await client.refresh(later["refresh_token"], client_secret="guessed-secret")
        secrets["guessed secret"] = "guessed-secret"
        await client.token(grant_type=secrets["code"], **authenticated)
        await auth_server.http.get("/authorize", params={"client_id": secrets["code"] + "\x00"})
        await auth_server.http.post(
            "/token", data={}, headers={"authorization": f"Basic {secrets['client secret']}"}
        )
        auth_server.clock.advance(hours=1)
        await client.refresh(tokens["refresh_token"], **authenticated)

    assert len(secrets) == 14
    # Exclude the log lines of the tests' own HTTP client.
    records = [r for r in caplog.records if not r.name.startswith(("httpx2", "httpcore2"))]
    logged = "\n".join([str(event) for event in events] + [r.getMessage() for r in records])
    assert "refused" in logged
    stored = await everything_stored(auth_server.database_url)
    assert "usr_ada" in stored
    for name, secret in secrets.items():
        for form in {secret, quote(secret, safe="")}:
            assert form not in stored, f"{name} in the database"
            assert form not in logged, f"{name} in a log line"


async def test_a_refusal_never_repeats_what_was_sent(auth_server: AuthServer) -> None:
    """A93, A158: an error page or body is often copied into a ticket."""
    client = await auth_server.client()
    canary = "canary-0123456789"
    answers: list[httpx2.Response] = [
        await client.redeem(canary, code_verifier=canary * 3),
        await client.refresh(canary),
        await client.token(grant_type=canary),
        await client.token(grant_type="refresh_token", client_secret=canary),
        await auth_server.http.get(client.authorize_url(redirect_uri=f"https://{canary}")),
        await auth_server.http.get(client.authorize_url(client_id=canary)),
        await auth_server.http.get(f"/{canary}"),
        await auth_server.http.get("/consent", params={"transaction": canary}),
        await auth_server.http.post("/register", json={"redirect_uris": [f"http://{canary}"]}),
    ]

    for answer in answers:
        assert answer.status_code >= 400
        assert canary not in answer.text


async def test_a_redirected_refusal_says_only_what_the_client_may_read(
    auth_server: AuthServer,
) -> None:
    """RFC 6749 §4.1.2.1: error_description in the characters that it may hold."""
    client = await auth_server.client()
    allowed = {*range(0x20, 0x22), *range(0x23, 0x5C), *range(0x5D, 0x7F)}
    odd: dict[str, Any] = {"scope": 'é"\\', "prompt": "none é", "max_age": "é", "resource": "é"}

    for name, value in odd.items():
        answer = await auth_server.http.get(client.authorize_url(**{name: value}))
        description = answer_of(answer.headers["location"])["error_description"]
        assert {ord(character) for character in description} <= allowed
