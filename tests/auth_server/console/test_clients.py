"""Operators verify, rename and block apps."""

import json
from urllib.parse import urlencode

import pytest

from auth_server.records.clients.store import put_client
from auth_server.records.clients.table import Client
from support.in_process.admin_api import admin_api
from support.in_process.assertions import KeyPair, jwks
from support.in_process.auth_server import AuthServer
from support.in_process.person import Page, Person

WARNING = "This app is unverified"


async def at_the_app(server: AuthServer, client_id: str) -> tuple[Person, Page]:
    """Sign an operator in on their way to an app's page."""
    op = server.person("op@orbit.example")
    query = urlencode({"client": client_id})
    return op, await op.sign_in(await op.open(f"/console/client?{query}"))


async def test_people_are_not_warned_of_an_app_that_an_operator_verified(
    sqlite_server: AuthServer,
) -> None:
    client = await sqlite_server.client(client_name="Claude Desktop")
    ada = sqlite_server.person()
    assert "calls itself" in (await ada.reach_consent(client.authorize_url())).text
    op, page = await at_the_app(sqlite_server, client.client_id)

    page = await op.press(page, "Mark as verified")
    assert "verified" in page.text
    consent = await ada.reach_consent(client.authorize_url())
    assert WARNING not in consent.text
    assert "calls itself" not in consent.text
    assert "trusted" in consent.text

    await op.press(page, "Remove verification")
    assert "calls itself" in (await ada.reach_consent(client.authorize_url())).text


async def test_an_app_that_changes_its_name_is_not_verified_any_more(
    sqlite_server: AuthServer,
) -> None:
    metadata = {
        "client_name": "Report helper",
        "redirect_uris": ["https://helper.example/back"],
        "token_endpoint_auth_method": "none",
    }
    answer = await sqlite_server.http.post("/register", json=metadata)
    registered = answer.json()
    api = await admin_api(sqlite_server)
    which = {"client_id": registered["client_id"]}
    marked = await api.call("PATCH", "/client", params=which, json={"verified": True})
    assert marked.json()["verified_at"] is not None

    address = registered["registration_client_uri"]
    token = registered["registration_access_token"]
    changed = await sqlite_server.http.put(
        address,
        json={**metadata, "client_id": registered["client_id"], "client_name": "Another"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert changed.status_code == 200, changed.text
    shown = await api.call("GET", "/client", params=which)
    assert (shown.json()["name"], shown.json()["verified_at"]) == ("Another", None)


@pytest.mark.both_databases
async def test_a_blocked_app_is_over_at_once_and_starts_anew_when_it_is_allowed_again(
    auth_server: AuthServer,
) -> None:
    client, ada = await auth_server.client(), auth_server.person()
    tokens = await client.connect(ada)
    op, page = await at_the_app(auth_server, client.client_id)
    assert "1 connection ends" in page.text

    page = await op.press(page, "Block")
    assert "blocked" in page.text
    assert (await client.refresh(tokens["refresh_token"])).status_code == 401
    assert (await ada.open(client.authorize_url())).status == 400

    page = await op.press(page, "Allow again")
    assert (await client.refresh(tokens["refresh_token"])).status_code == 400
    await client.connect(ada)
    assert "1 connection ends" in (await at_the_app(auth_server, client.client_id))[1].text


async def test_an_operator_renames_an_app_except_one_that_a_document_describes(
    sqlite_server: AuthServer,
) -> None:
    op, page = await at_the_app(sqlite_server, "orbit-cli")
    page = await op.press(page, "Save", fill={"name": "Orbit on the command line"})
    assert "Orbit on the command line" in page.text
    assert (await op.press(page, "Save", fill={"name": "x\u202ey"})).status == 400

    api = await admin_api(sqlite_server)
    async with sqlite_server.opened.transaction() as db:
        document = Client(
            client_id="https://app.example/client.json",
            source="document",
            name="App",
            redirect_uris=["https://app.example/done"],
            grant_types=["authorization_code"],
            token_endpoint_auth_method="none",
            application_type="web",
            created_at=sqlite_server.clock(),
        )
        await put_client(db, document)
    which = {"client_id": document.client_id}
    for change in ({"name": "Mine"}, {"verified": True}):
        refused = await api.call("PATCH", "/client", params=which, json=change)
        assert refused.status_code == 422, refused.text
    assert (await api.call("PATCH", "/client", params=which, json={})).json()["name"] == "App"
    gone = await api.call("GET", "/client", params={"client_id": "nobody"})
    assert gone.status_code == 404


@pytest.mark.both_databases
async def test_an_operator_finds_an_app_by_its_name_address_or_kind(
    auth_server: AuthServer,
) -> None:
    reports = await auth_server.client(
        client_name="Reports", redirect_uris=["https://reports.example/back"]
    )
    for _ in range(4):
        await auth_server.client(client_name="Other")
    api = await admin_api(auth_server, ["clients:read"])
    for search in ("REPORTS", "reports.example/b", reports.client_id):
        found = (await api.call("GET", "/clients", params={"search": search})).json()
        assert [client["client_id"] for client in found["items"]] == [reports.client_id]

    seen, after = [], ""
    while True:
        params = {"source": "dynamic", "limit": 2, "after": after}
        page = (await api.call("GET", "/clients", params=params)).json()
        seen += [client["client_id"] for client in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert len(seen) == 5
    assert seen == sorted(seen)


async def test_an_operator_replaces_the_secret_of_a_managed_app(sqlite_server: AuthServer) -> None:
    async with sqlite_server.opened.transaction() as db:
        managed = Client(
            client_id="reports",
            source="managed",
            name="Reports",
            redirect_uris=[],
            grant_types=["client_credentials"],
            token_endpoint_auth_method="client_secret_basic",
            application_type="web",
            created_at=sqlite_server.clock(),
        )
        await put_client(db, managed)
    op, page = await at_the_app(sqlite_server, "reports")
    for _ in range(2):
        page = await op.press(page, "Add a secret")
        secret = page.html.partition('<pre id="secret"><code>')[2].partition("</code>")[0]
        assert len(secret) > 30
        page = await op.open("/console/client?client=reports")
        assert secret not in page.html
        sqlite_server.clock.advance(minutes=1)
    assert "Add a secret" not in page.text

    api = await admin_api(sqlite_server)
    which = {"client_id": "reports"}
    third = await api.call("POST", "/client/secrets", params=which, json={})
    assert third.status_code == 422
    page = await op.press(page, "Delete")
    assert len((await api.call("GET", "/client/secrets", params=which)).json()) == 1
    more = await api.call("POST", "/client/secrets", params=which, json={"expires_in_days": 1})
    assert (
        more.json()["secret"] not in (await api.call("GET", "/client/secrets", params=which)).text
    )


@pytest.mark.both_databases
async def test_an_operator_adds_an_app_of_each_kind(auth_server: AuthServer) -> None:
    op = auth_server.person("op@orbit.example")
    await op.sign_in(await op.open("/console/clients"))
    page = await op.open("/console/clients/new")
    for_people = {"client": "desk", "name": "Desk", "redirect_uris": "https://desk.example/back"}
    added = await op.press(page, "Add app", fill={**for_people, "method": "none"})
    assert "https://desk.example/back" in added.text

    own = {"tenant": "org_acme", "scope": "mcp:read", "tools": "@read"}
    by_secret = {"client": "nightly", "name": "Nightly", "method": "client_secret_post", **own}
    added = await op.press(page, "Add app", fill=by_secret)
    secret = added.html.partition('<pre id="secret"><code>')[2].partition("</code>")[0]
    form = {"grant_type": "client_credentials", "client_id": "nightly", "client_secret": secret}
    assert (await auth_server.http.post("/token", data=form)).status_code == 200
    assert secret not in (await op.open("/console/client?client=nightly")).html

    key = KeyPair(kid="own")
    signs = {"client": "signer", "name": "Signer", "method": "private_key_jwt"}
    page = await op.open("/console/clients/new")
    keys = json.dumps(jwks(key))
    added = await op.press(page, "Add app", fill={**signs, "jwks": keys}, tick={"yes"})
    assert "private_key_jwt" in added.text

    api = await admin_api(auth_server, ["clients:read", "clients:write"])
    new = {"client_id": "watch", "name": "Watch", "introspects": True}
    made = await api.call(
        "POST", "/clients", json={**new, "token_endpoint_auth_method": "client_secret_basic"}
    )
    assert (made.status_code, made.json()["introspects"]) == (201, True)
    assert len(made.json()["client_secret"]) > 30
    listed = await api.call("GET", "/clients", params={"source": "managed"})
    known = {one["client_id"] for one in listed.json()["items"]}
    assert {"desk", "nightly", "signer", "watch"} <= known
    own_tokens = {"tenant": "org_acme", "scope": "mcp:read", "tools": ["@read"]}
    alone = await api.call("POST", "/clients", json={**new, "own_tokens": own_tokens})
    assert alone.status_code == 403


async def test_an_app_that_exists_is_never_replaced_at_the_console(
    sqlite_server: AuthServer,
) -> None:
    op = sqlite_server.person("op@orbit.example")
    await op.sign_in(await op.open("/console/clients"))
    page = await op.open("/console/clients/new")
    app = {"client": "desk", "name": "Desk", "redirect_uris": "https://desk.example/back"}
    for change, said in (
        ({"client": "orbit-cli"}, "a client with this id exists"),
        ({"redirect_uris": "javascript://x/"}, "redirect_uris"),
        ({"redirect_uris": ""}, "must have redirect_uris"),
        ({"method": "private_key_jwt"}, "jwks"),
        ({"method": "private_key_jwt", "jwks": "[["}, "must be JSON"),
        (
            {"tenant": "org_none", "scope": "a", "tools": "b", "method": "client_secret_post"},
            "org_none",
        ),
    ):
        refused = await op.press(page, "Add app", fill={**app, **change})
        assert (refused.status, said in refused.text) == (400, True), refused.text


@pytest.mark.parametrize(
    ("member", "shown"),
    [
        ("dpop_bound_access_tokens", "Bound to a key of the app (DPoP)"),
        ("tls_client_certificate_bound_access_tokens", "Bound to the certificate of the app"),
    ],
)
async def test_an_operator_has_a_client_bind_its_tokens_a195(
    sqlite_server: AuthServer, member: str, shown: str
) -> None:
    """RFC 9449 §5.2, RFC 8705 §3.4, for a client that operators manage. A195."""
    api = await admin_api(sqlite_server)
    new = {"client_id": "desk", "name": "Desk", "redirect_uris": ["http://127.0.0.1/callback"]}
    added = await api.call("POST", "/clients", json={**new, member: True})
    assert added.status_code == 201, added.text
    read = await api.call("GET", "/client", params={"client_id": "desk"})
    assert read.json()[member] is True

    _, page = await at_the_app(sqlite_server, "desk")
    assert shown in page.text
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "desk"}
    refused = (await sqlite_server.http.post("/token", data=form)).json()["error"]
    assert refused == ("invalid_dpop_proof" if "dpop" in member else "invalid_grant")
