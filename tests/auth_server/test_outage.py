"""During an outage of the database, clients are told to wait, and nothing is lost."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx2
import psycopg
import pytest
from structlog.testing import capture_logs

from auth_server.db.engine import Database, open_database
from auth_server.db.raw_sql import AtomicUpdate, RawSql, Row, Values
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import answer_of
from support.processes.postgres import PostgresServer

pytestmark = pytest.mark.both_databases


class Outage:
    """Disconnects a running server's database, and reconnects it."""

    def __init__(self, unreachable: Database) -> None:
        """Start with the database in reach."""
        self.unreachable = unreachable
        self.down = False

    def open(self, url: str, **options: Any) -> Database:
        """Open a database that can be disconnected."""
        working = open_database(url, **options)

        def session(kind: str) -> Any:
            return getattr(self.unreachable if self.down else working, kind)()

        return Database(
            working.engine,
            reading=cast("Any", lambda: session("reading")),
            writing=cast("Any", lambda: session("writing")),
            raw_sql=DirectOutage(self, working.raw_sql),
        )


@dataclass(frozen=True)
class DirectOutage:
    """Hand-written statements reach the database that the sessions reach."""

    outage: Outage
    working: RawSql

    @property
    def _reached(self) -> RawSql:
        return self.outage.unreachable.raw_sql if self.outage.down else self.working

    async def fetch(self, query: str, values: Values) -> Row | None:
        return await self._reached.fetch(query, values)

    async def fetch_all(self, query: str, values: Values) -> list[Row]:
        return await self._reached.fetch_all(query, values)

    async def update(self, update: AtomicUpdate, values: Values) -> bool:
        return await self._reached.update(update, values)

    async def close(self) -> None:
        await self.working.close()


@pytest.fixture
async def outage(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Outage]:
    """An outage that the test begins and ends."""
    if database_url.startswith("sqlite"):
        unreachable = open_database(f"sqlite+aiosqlite:///{tmp_path}/no-such-folder/gatepost.db")
    else:
        # Nothing listens at port 1.
        unreachable = open_database("postgresql+psycopg://gatepost@127.0.0.1:1/gatepost")
    outage = Outage(unreachable)
    monkeypatch.setattr("auth_server.runtime.open_database", outage.open)
    yield outage
    await unreachable.close()


@pytest.fixture
async def server(outage: Outage, database_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """A server whose database can fail."""
    async with running_auth_server(database_url, clock) as server:
        yield server


def assert_wait(answer: httpx2.Response) -> None:
    """The client is told to retry, without details of the outage."""
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["cache-control"] == "no-store"
    assert_silent(answer)


def assert_silent(answer: httpx2.Response) -> None:
    """No trace of the database's name, address or error."""
    for word in ("sql", "psycopg", "no-such-folder", "127.0.0.1:1/", "Traceback", "connect("):
        assert word not in answer.text


async def test_a_client_keeps_its_refresh_token_over_an_outage_a105(
    outage: Outage, server: AuthServer
) -> None:
    """A105, design §8: `invalid_grant` would make it discard the token."""
    client = await server.client()
    tokens = await connect_without_pages(server, client)
    outage.down = True

    assert_wait(await client.refresh(tokens["refresh_token"]))
    outage.down = False
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_code_outlives_a_short_outage_a105(outage: Outage, server: AuthServer) -> None:
    """A105."""
    client = await server.client()
    code = answer_of(await server.person().approve(client.authorize_url()))["code"]
    outage.down = True

    assert_wait(await client.redeem(code))
    outage.down = False
    assert (await client.redeem(code)).status_code == 200


async def test_a_registration_is_asked_to_wait(outage: Outage, server: AuthServer) -> None:
    """RFC 7591 does not have an error code for it, but RFC 6749 §4.1.2.1 has."""
    outage.down = True

    assert_wait(
        await server.http.post("/register", json={"redirect_uris": ["https://app.example/cb"]})
    )


async def test_a_person_reads_what_happened_and_goes_on_where_they_were(
    outage: Outage, server: AuthServer
) -> None:
    """Design §8: new sign-ins fail with a page that says so."""
    client, person = await server.client(), server.person()
    consent = await person.reach_consent(client.authorize_url())
    transaction = consent.url.partition("?")[2]
    outage.down = True

    answers = [
        await person.http.get(client.authorize_url()),
        *[
            await person.http.get(f"{path}?{transaction}")
            for path in ("/authorize/continue", "/sign-in", "/tenant", "/consent")
        ],
        *[
            await person.http.post(path, data=consent.forms["/consent"].fields)
            for path in ("/sign-in", "/sign-out", "/tenant", "/consent")
        ],
    ]
    for answer in answers:
        assert (answer.status_code, "location" in answer.headers) == (503, False)
        assert "Sign-in is temporarily unavailable" in answer.text
        assert answer.headers["x-frame-options"] == "DENY"
        assert_silent(answer)
    outage.down = False

    assert (await person.press(consent, "Approve")).moves_on_to


async def test_endpoints_without_the_database_keep_answering(
    outage: Outage, server: AuthServer
) -> None:
    """Gateways and clients that look again during an outage find the documents."""
    outage.down = True

    document = await server.http.get("/.well-known/oauth-authorization-server")
    alive, ready = await server.http.get("/livez"), await server.http.get("/readyz")

    assert (document.status_code, alive.status_code) == (200, 200)
    assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "failing")
    assert_silent(ready)


async def test_a_restart_of_the_database_fails_no_request(
    database_url: str, clock: Clock, request: pytest.FixtureRequest
) -> None:
    """Pooled connections are tested before use."""
    async with running_auth_server(database_url, clock) as server:
        client = await server.client()
        tokens = await connect_without_pages(server, client)
        if database_url.startswith("postgresql"):
            postgres: PostgresServer = request.getfixturevalue("postgres")
            with postgres.connect() as connection:
                cut = connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    [database_url.rpartition("/")[2]],
                ).fetchall()
            assert cut
        answer = await client.refresh(tokens["refresh_token"])

    assert answer.status_code == 200


async def test_an_internal_error_is_not_a_refusal_and_tells_no_secret(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A105, A158: an unexpected error is a 500 in the form of its audience."""

    async def fail(*_: object, **__: object) -> None:
        raise psycopg.ProgrammingError("canary-detail")

    with capture_logs() as events:
        async with running_auth_server(database_url, clock) as server:
            monkeypatch.setattr(
                "auth_server.oauth.authorize.endpoint.add_authorization_request", fail
            )
            monkeypatch.setattr("auth_server.oauth.register.endpoint.add_client", fail)
            client_less = {"redirect_uris": ["https://app.example/cb"]}
            machine = await server.http.post("/register", json=client_less)
            page = await server.http.get(
                "/authorize",
                params={
                    "client_id": "orbit-cli",
                    "redirect_uri": "http://127.0.0.1/callback",
                    "response_type": "code",
                    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
                    "code_challenge_method": "S256",
                },
            )

    assert [event["event"] for event in events].count("fault") == 2
    assert (machine.status_code, machine.json()["error"]) == (500, "server_error")
    assert (page.status_code, page.headers["x-frame-options"]) == (500, "DENY")
    for answer in (machine, page):
        assert "canary-detail" not in answer.text
        assert "ProgrammingError" not in answer.text
