"""A client reads, changes and deletes only its own registration (RFC 7592)."""

import json
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from auth_server.db.engine import open_database
from auth_server.records.audit.table import AuditEntry
from auth_server.records.audit.verify import find_break
from auth_server.records.clients.table import Client
from support.in_process.auth_server import AuthServer
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import REDIRECT_URI, OAuthClient, answer_of
from support.in_process.tokens import KEY

MINIMAL: dict[str, Any] = {
    "client_name": "Test client",
    "redirect_uris": [REDIRECT_URI],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_method": "none",
}


@dataclass
class Registration:
    """A client's registration as the client holds it."""

    server: AuthServer
    body: dict[str, Any]

    @property
    def client_id(self) -> str:
        """The id it was given."""
        return str(self.body["client_id"])

    @property
    def token(self) -> str:
        """The token that manages it."""
        return str(self.body["registration_access_token"])

    @property
    def client(self) -> OAuthClient:
        """The client, to connect with."""
        server = self.server
        return OAuthClient(server.http, server.issuer, server.resource, self.client_id)

    async def send(
        self, method: str, *, token: str | None = None, document: dict[str, Any] | None = None
    ) -> httpx2.Response:
        """Call the registration's own URL."""
        headers = {"authorization": f"Bearer {token or self.token}"}
        url = self.body["registration_client_uri"]
        if document is None:
            return await self.server.http.request(method, url, headers=headers)
        headers["content-type"] = "application/json"
        content = json.dumps(document)
        return await self.server.http.request(method, url, headers=headers, content=content)

    async def put(self, **changes: Any) -> httpx2.Response:
        """Replace the metadata by the smallest document, changed."""
        document = {**MINIMAL, "client_id": self.client_id, **changes}
        kept = {name: value for name, value in document.items() if value is not ...}
        return await self.send("PUT", document=kept)


async def register(server: AuthServer, **changes: Any) -> Registration:
    """Register a client and keep the response."""
    answer = await server.http.post("/register", json={**MINIMAL, **changes})
    assert answer.status_code == 201, answer.text
    return Registration(server, answer.json())


async def events(server: AuthServer, client_id: str) -> list[str]:
    """List what the audit log says about a client; the chain must hold."""
    database = open_database(server.database_url)
    async with database.reading() as db:
        assert await find_break(db) is None
        query = select(AuditEntry).order_by(AuditEntry.number)  # type: ignore[arg-type]
        entries = (await db.execute(query)).scalars().all()
    await database.engine.dispose()
    return [entry.event for entry in entries if entry.client_id == client_id]


async def test_a_client_reads_how_it_is_registered(auth_server: AuthServer) -> None:
    """RFC 7592 §2.1, §3."""
    registration = await register(auth_server, client_uri="https://app.example")

    answer = await registration.send("GET")

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json() == registration.body


async def test_a_secret_is_told_once_a67(auth_server: AuthServer) -> None:
    """A67: neither reading nor changing a registration shows its secret, or makes another."""
    registration = await register(auth_server, token_endpoint_auth_method="client_secret_post")
    secret = registration.body["client_secret"]

    read = await registration.send("GET")
    changed = await registration.put(token_endpoint_auth_method="client_secret_basic")

    for answer in (read, changed):
        assert answer.status_code == 200, answer.text
        assert secret not in answer.text
        assert "client_secret" not in answer.json()
    refused = await auth_server.http.post(
        "/token",
        data={"grant_type": "refresh_token", "refresh_token": "x"},
        auth=(registration.client_id, secret),
    )
    assert refused.json()["error"] == "invalid_grant"


async def test_the_token_is_stored_as_a_hash_a67(auth_server: AuthServer, change_row: Any) -> None:
    """A67, A158."""
    registration = await register(auth_server)
    database = open_database(auth_server.database_url)
    async with database.reading() as db:
        row = await db.get(Client, registration.client_id)
    await database.engine.dispose()

    assert row is not None
    assert registration.token not in str(row.model_dump())
    assert len(row.registration_token_hash or "") == 64


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_one_clients_token_does_nothing_to_another_client_a66(
    table_server: AuthServer, method: str
) -> None:
    """A66."""
    mine, theirs = await register(table_server), await register(table_server)
    document = {**MINIMAL, "client_id": theirs.client_id, "client_name": "Taken over"}

    answer = await theirs.send(
        method, token=mine.token, document=document if method == "PUT" else None
    )

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert (await theirs.send("GET")).json() == theirs.body


@pytest.mark.parametrize(
    "authorization",
    [
        *(None, "", "Bearer", "Bearer ", "Bearer \x7f", "Bearer \xff", "Bearer x y"),
        *("Basic eDp5", "Bearer {token}x", "Basic {token}", "{token}", "Bearer {client_id}"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_without_its_token_a_registration_is_out_of_reach(
    table_server: AuthServer, method: str, authorization: str | None
) -> None:
    """A65, A66: a malformed header too (KC CVE-2026-9803 made it a 500)."""
    registration = await register(table_server)
    headers = {}
    if authorization is not None:
        filled = authorization.format(token=registration.token, client_id=registration.client_id)
        headers["authorization"] = filled.encode("latin-1").decode("latin-1")
    url = registration.body["registration_client_uri"]
    body = {**MINIMAL, "client_id": registration.client_id}

    answer = await table_server.http.request(
        method,
        url,
        headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        json=body if method == "PUT" else None,
    )

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


@pytest.mark.parametrize(
    "client_id", ["client_unknown", "orbit-cli", "%00", "%ff", "a" * 3000, "%F0%9F%99%82"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_unknown_or_a_managed_client_answers_like_another_clients_a66(
    table_server: AuthServer, method: str, client_id: str
) -> None:
    """A66: the answer does not reveal clients, and an operator's client is unchanged."""
    registration = await register(table_server)
    registration.body["registration_client_uri"] = f"{table_server.issuer}/register/{client_id}"

    answer = await registration.send(
        method, document={**MINIMAL, "client_id": client_id} if method == "PUT" else None
    )

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"client_id": ...}, "client_id"),
        ({"client_id": "orbit-cli"}, "client_id"),
        ({"client_id": ["x"]}, "client_id"),
        ({"client_secret": "chosen"}, "client_secret"),
        ({"client_secret": None}, "client_secret"),
        ({"client_secret": "\ud800"}, "client_secret"),
        ({"client_secret_expires_at": 0}, "client_secret_expires_at"),
        ({"registration_access_token": "x"}, "registration_access_token"),
        ({"registration_client_uri": "https://app.example"}, "registration_client_uri"),
        ({"client_id_issued_at": 0}, "client_id_issued_at"),
        ({"tenant_id": "org_acme"}, "tenant_id"),
        ({"redirect_uris": ["http://app.example/cb"]}, "redirect_uris"),
        ({"redirect_uris": ...}, "redirect_uris"),
        ({"client_name": 7}, "client_name"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "jwks"),
    ],
)
async def test_a_change_that_is_refused_changes_nothing(
    table_server: AuthServer, changes: dict[str, Any], named: str
) -> None:
    """RFC 7592 §2.2; A61, A67: the rules of a registration, and what only the server says."""
    registration = await register(table_server)

    answer = await registration.put(**changes)

    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_client_metadata", "invalid_redirect_uri"}
    assert named in answer.json()["error_description"]
    assert (await registration.send("GET")).json() == registration.body


@pytest.mark.both_databases
async def test_a_change_replaces_everything_and_keeps_the_id(auth_server: AuthServer) -> None:
    """RFC 7592 §2.2: omitted members are deleted."""
    registration = await register(auth_server, client_uri="https://app.example")

    answer = await registration.put(
        client_name="Renamed", redirect_uris=["https://app.example/cb"], grant_types=...
    )

    assert answer.status_code == 200
    expected = {
        **registration.body,
        "client_name": "Renamed",
        "redirect_uris": ["https://app.example/cb"],
        "grant_types": ["authorization_code"],
        "application_type": "web",
    }
    del expected["client_uri"]
    assert answer.json() == expected == (await registration.send("GET")).json()
    assert await events(auth_server, registration.client_id) == [
        "client.registered",
        "client.changed",
    ]


async def test_a_client_that_becomes_confidential_is_given_a_secret_and_loses_it_again(
    auth_server: AuthServer,
) -> None:
    """A67, A68: made by the server, with its expiry."""
    registration = await register(auth_server)

    body = (await registration.put(token_endpoint_auth_method="client_secret_post")).json()
    secret = body["client_secret"]
    again = await registration.put(
        token_endpoint_auth_method="client_secret_post", client_secret=secret
    )
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    known = await registration.client.token(**form, client_secret=secret)
    await registration.put()
    public = await registration.client.token(**form)
    forgotten = await registration.client.token(**form, client_secret=secret)

    assert (len(secret), body["client_secret_expires_at"]) == (43, 0)
    assert (again.status_code, "client_secret" in again.json()) == (200, False)
    assert known.json()["error"] == public.json()["error"] == "invalid_grant"
    assert forgotten.json()["error"] == "invalid_client"


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uris": [REDIRECT_URI, "https://evil.example/cb"]},
        {"redirect_uris": ["https://evil.example/cb"]},
        {"client_name": "GitHub"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [KEY.as_dict(private=False)]},
        },
    ],
    ids=["one more address", "another address", "another name", "a secret", "a key"],
)
async def test_an_app_that_becomes_another_has_to_ask_people_again_a70(
    auth_server: AuthServer, changes: dict[str, Any]
) -> None:
    """A70: a stolen registration token must not inherit this app's consent."""
    registration = await register(auth_server)
    client, person = registration.client, auth_server.person()
    tokens = await client.connect(person)
    code = answer_of(await person.approve(client.authorize_url()))["code"]
    shown = await person.reach_consent(client.authorize_url())

    assert (await registration.put(**changes)).status_code == 200
    await registration.put()

    refreshed = await client.refresh(tokens["refresh_token"])
    redeemed = await client.redeem(code)
    answered = await person.press(shown, "Approve")
    asked = await person.reach_consent(client.authorize_url())
    assert refreshed.json()["error"] == redeemed.json()["error"] == "invalid_grant"
    assert (answered.moves_on_to, answered.status) == (None, 400)
    assert any(label.startswith("Approve") for label, _, _ in asked.forms["/consent"].buttons)
    assert "grant.revoked" in await events(auth_server, registration.client_id)


@pytest.mark.both_databases
async def test_an_irrelevant_change_ends_nothing(auth_server: AuthServer) -> None:
    """The same addresses in another order, and a home page, don't make another app."""
    uris = [REDIRECT_URI, "http://127.0.0.1:3999/other"]
    registration = await register(auth_server, redirect_uris=uris)
    tokens = await connect_without_pages(auth_server, registration.client)

    answer = await registration.put(redirect_uris=uris[::-1], client_uri="https://app.example")

    assert answer.json()["client_uri"] == "https://app.example"
    assert (await registration.client.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.both_databases
async def test_a_client_that_deletes_itself_ends_its_grants(auth_server: AuthServer) -> None:
    """RFC 7592 §2.3."""
    registration = await register(auth_server)
    client, person = registration.client, auth_server.person()
    tokens = await client.connect(person)

    answer = await registration.send("DELETE")

    assert (answer.status_code, answer.content) == (204, b"")
    refreshed = await client.refresh(tokens["refresh_token"])
    assert (refreshed.status_code, refreshed.json()["error"]) == (401, "invalid_client")
    assert (await person.open(client.authorize_url())).status == 400
    for method in ("GET", "DELETE"):
        assert (await registration.send(method)).status_code == 401
    assert (await registration.put()).status_code == 401
    said = await events(auth_server, registration.client_id)
    assert said[-2:] == ["grant.revoked", "client.deleted"]


async def test_a_disabled_client_cannot_bring_itself_back(
    auth_server: AuthServer, change_row: Any
) -> None:
    """A66: an operator's decision takes precedence."""
    registration = await register(auth_server)
    await change_row(auth_server, Client, registration.client_id, disabled_at=auth_server.clock())

    assert (await registration.send("GET")).status_code == 401
    assert (await registration.put()).status_code == 401


async def test_a_browser_based_client_may_manage_its_registration(table_server: AuthServer) -> None:
    """A71."""
    registration = await register(table_server)
    url = registration.body["registration_client_uri"]

    preflight = await table_server.http.options(
        url,
        headers={
            "origin": "https://inspector.example",
            "access-control-request-method": "DELETE",
            "access-control-request-headers": "authorization",
        },
    )
    answer = await registration.send("GET")

    assert preflight.status_code == 204
    assert "DELETE" in preflight.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


async def test_another_method_is_refused_in_json(table_server: AuthServer) -> None:
    """A65."""
    registration = await register(table_server)

    answer = await registration.send("PATCH")

    assert (answer.status_code, answer.json()["error"]) == (405, "invalid_request")
