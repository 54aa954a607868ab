"""Dynamic registration: anyone may register a client, without privileges."""

import json
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth_server.db.engine import open_database
from auth_server.records.clients.store import find_client
from auth_server.records.clients.table import Client
from support.in_process.auth_server import AuthServer
from support.in_process.oauth_client import answer_of

MINIMAL: dict[str, Any] = {
    "client_name": "Test client",
    "redirect_uris": ["https://app.example/cb"],
    "token_endpoint_auth_method": "none",
}


async def post(server: AuthServer, **changes: Any) -> httpx2.Response:
    """Register with the smallest document, changed."""
    document = {k: v for k, v in {**MINIMAL, **changes}.items() if v is not ...}
    return await server.http.post(
        "/register", content=json.dumps(document), headers={"content-type": "application/json"}
    )


async def stored(server: AuthServer, client_id: str) -> Client:
    """Look a client up in the database."""
    database = open_database(server.database_url)
    async with database.reading() as db:
        client = await find_client(db, client_id)
    await database.engine.dispose()
    assert client is not None
    return client


async def test_a_client_receives_its_exact_registration(auth_server: AuthServer) -> None:
    """RFC 7591 §3.2.1."""
    answer = await post(
        auth_server,
        client_uri="https://app.example",
        grant_types=["authorization_code", "refresh_token"],
        scope="mcp:read",
        contacts=["dev@app.example"],
    )

    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert body == {
        "client_id": body["client_id"],
        "client_id_issued_at": int(auth_server.clock().timestamp()),
        "client_name": "Test client",
        "client_uri": "https://app.example",
        "redirect_uris": ["https://app.example/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "web",
        "registration_access_token": body["registration_access_token"],
        "registration_client_uri": f"{auth_server.issuer}/register/{body['client_id']}",
    }
    assert (await stored(auth_server, body["client_id"])).source == "dynamic"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_confidential_client_gets_a_secret_once_and_with_an_expiry_a68(
    auth_server: AuthServer, method: str
) -> None:
    """RFC 7591 §3.2.1. A68: `client_secret_expires_at` is required beside a secret."""
    body = (await post(auth_server, token_endpoint_auth_method=method)).json()

    assert len(body["client_secret"]) >= 43
    assert body["client_secret_expires_at"] == 0


async def test_a_public_client_gets_no_secret_a68(table_server: AuthServer) -> None:
    """RFC 7591 §3.2.1. A68."""
    body = (await post(table_server)).json()

    assert not [member for member in body if "secret" in member]


@pytest.mark.parametrize(
    ("changes", "method", "kind"),
    [
        ({"redirect_uris": ["https://app.example/cb"]}, "client_secret_basic", "web"),
        ({"redirect_uris": ["http://127.0.0.1/cb"]}, "none", "native"),
        ({"redirect_uris": ["com.example.app:/cb"]}, "none", "native"),
        ({"redirect_uris": ["https://app.example/cb", "http://localhost/cb"]}, "none", "native"),
        ({"application_type": "native"}, "none", "native"),
        (
            {"application_type": "web", "redirect_uris": ["http://127.0.0.1/cb"]},
            "none",
            "native",
        ),
        ({"application_type": None, "token_endpoint_auth_method": None}, None, "web"),
    ],
)
async def test_a_client_without_an_authentication_method_gets_a_fitting_default(
    table_server: AuthServer, changes: dict[str, Any], method: str | None, kind: str
) -> None:
    """RFC 7591 §2; RFC 8252 §8.4: a secret on a person's own device is not secret."""
    answer = await post(table_server, **{"token_endpoint_auth_method": ..., **changes})

    body = answer.json()
    assert answer.status_code == 201, body
    assert body["token_endpoint_auth_method"] == (method or "client_secret_basic")
    assert body["application_type"] == kind
    assert ("client_secret" in body) is (body["token_endpoint_auth_method"] != "none")


async def test_two_registrations_are_two_clients(table_server: AuthServer) -> None:
    """A69: an id is never chosen by the client, nor shared."""
    first = (await post(table_server, client_id="orbit-cli")).json()
    second = (await post(table_server, client_id="orbit-cli")).json()

    assert len({first["client_id"], second["client_id"], "orbit-cli"}) == 3


@pytest.mark.parametrize(
    "member",
    [
        *("skip_consent", "skipConsent", "require_pkce", "requirePkce", "first_party"),
        *("FIRST_PARTY", "firstParty", "tenant_id", "tenantId", "allowed_tools", "allowedTools"),
        *("data_scope", "trusted", "managed", "source"),
    ],
)
@pytest.mark.parametrize("value", [True, None, "x"])
async def test_a_registration_cannot_give_itself_what_only_an_operator_gives_a61_a155(
    table_server: AuthServer, member: str, value: object
) -> None:
    """A61."""
    answer = await post(table_server, **{member: value})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert member in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (..., ["authorization_code"]),
        (None, ["authorization_code"]),
        (["authorization_code"], ["authorization_code"]),
        (
            ["refresh_token", "authorization_code", "authorization_code"],
            ["authorization_code", "refresh_token"],
        ),
        (
            [
                *("authorization_code", "client_credentials", "password", "implicit"),
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            ["authorization_code"],
        ),
    ],
)
async def test_a_client_keeps_of_its_grant_types_those_that_a_stranger_may_have_a62(
    table_server: AuthServer, asked: Any, kept: list[str]
) -> None:
    """A62: filtered, not refused; some clients list every grant type there is."""
    body = (await post(table_server, grant_types=asked)).json()

    assert body["grant_types"] == kept
    for grant_type in ("client_credentials", "password", "refresh_token"):
        if grant_type not in kept:
            form = {"client_id": body["client_id"], "grant_type": grant_type}
            answer = await table_server.http.post("/token", data={**form, "refresh_token": "x"})
            assert answer.json()["error"] in {"unauthorized_client", "unsupported_grant_type"}


async def test_a_client_without_the_refresh_grant_gets_no_refresh_token(
    auth_server: AuthServer,
) -> None:
    """A62; the consent page says that the app returns for renewal."""
    client = await auth_server.client(grant_types=["authorization_code"])
    person = auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    callback = (await person.press(page, "Approve")).moves_on_to or ""

    tokens = (await client.redeem(answer_of(callback)["code"])).json()

    assert "returns here to renew it" in page.text
    assert "refresh_token" not in tokens


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uris": ...}, "invalid_redirect_uri"),
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://app.example/cb"}, "invalid_redirect_uri"),
        ({"redirect_uris": {"0": "https://app.example/cb"}}, "invalid_redirect_uri"),
        ({"redirect_uris": [None]}, "invalid_redirect_uri"),
        ({"redirect_uris": [1]}, "invalid_redirect_uri"),
        ({"redirect_uris": [["https://app.example/cb"]]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://app.example/cb", "javascript:x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://app.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://[....]/cb"], "client_name": ...}, "invalid_redirect_uri"),
        (
            {"redirect_uris": [f"https://app.example/{n}" for n in range(11)]},
            "invalid_redirect_uri",
        ),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"response_types": "code"}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"grant_types": "authorization_code"}, "invalid_client_metadata"),
        ({"grant_types": [1]}, "invalid_client_metadata"),
        ({"grant_types": {}}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "NONE"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": []}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": {"a": 1}}, "invalid_client_metadata"),
        ({"application_type": "desktop"}, "invalid_client_metadata"),
        ({"application_type": []}, "invalid_client_metadata"),
        ({"application_type": {}}, "invalid_client_metadata"),
        ({"client_name": ""}, "invalid_client_metadata"),
        ({"client_name": "\u200b\u202e"}, "invalid_client_metadata"),
        ({"client_name": "\u3164\u2800"}, "invalid_client_metadata"),
        ({"client_name": "x" * 101}, "invalid_client_metadata"),
        ({"client_name": ["Claude"]}, "invalid_client_metadata"),
        ({"client_name": {"en": "Claude"}}, "invalid_client_metadata"),
        ({"client_name": 7}, "invalid_client_metadata"),
    ],
)
async def test_a_wrong_member_is_named_in_the_refusal(
    table_server: AuthServer, changes: dict[str, Any], error: str
) -> None:
    """RFC 7591 §3.2.2."""
    answer = await post(table_server, **changes)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert next(iter(changes)) in answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"


NAMES = [
    ("Claude", "Claude"),
    ("  Claude \t\n Code ", "Claude Code"),
    ("Bücher & 東京 🙂", "Bücher & 東京 🙂"),
    ("evil\u202eedualC", "eviledualC"),
    ("Cla\u200bu\u2060d\ufeffe", "Claude"),
    ("Cla\u00adude", "Claude"),
    ("Claude\u3164\u2800\uffa0", "Claude"),
    ("Claude\x00", "Claude"),
    ("Claude\ud800", "Claude"),
    ("Cla\u2028ude", "Claude"),
    ("x" * 100, "x" * 100),
]


async def test_a_name_keeps_only_what_can_be_seen_a44_a45(auth_server: AuthServer) -> None:
    """A44, A45: bidirectional overrides and invisible characters make one name look like another."""
    for given_name, kept in NAMES:
        body = (await post(auth_server, client_name=given_name)).json()
        assert body["client_name"] == kept


async def test_a_client_without_a_name_is_called_by_where_it_sends_people(
    table_server: AuthServer,
) -> None:
    """RFC 7591 §2 leaves the name optional; a person must still be told something."""
    web = await post(table_server, client_name=...)
    own = await post(table_server, client_name=None, redirect_uris=["com.example.app:/cb"])

    assert web.json()["client_name"] == "app.example"
    assert own.json()["client_name"] == "com.example.app"


@pytest.mark.parametrize(
    "client_uri",
    [
        *("http://app.example", "javascript:alert(1)", "https://app.example/\u202e", 7, [], ""),
        "https://app.example/" + "a" * 2048,
    ],
)
async def test_a_home_page_that_cannot_be_shown_is_left_out(
    table_server: AuthServer, client_uri: object
) -> None:
    """A64: they are never fetched, and don't cause a failed connection."""
    answer = await post(table_server, client_uri=client_uri)

    assert answer.status_code == 201
    assert "client_uri" not in answer.json()


@pytest.mark.parametrize(
    "member",
    ["logo_uri", "jwks_uri", "sector_identifier_uri", "backchannel_logout_uri", "request_uris"],
)
async def test_addresses_that_a_server_would_fetch_are_neither_fetched_nor_kept_a64_a86(
    table_server: AuthServer, member: str
) -> None:
    """A64: nothing listens at port 9; a fetch would fail or be remembered."""
    answer = await post(table_server, **{member: "http://127.0.0.1:9/"})

    assert answer.status_code == 201
    assert member not in answer.json()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b'"x"', b"1", b"true", b"{", b"{}}", b"\xff\xfe", b"\x00"),
        *(b"[" * 10_000, b'{"a":' * 3000, b"9" * 5000, b"NaN", b"redirect_uris=x"),
        b'{"redirect_uris": ["https://app.example/cb"], "client_name": "\xff"}',
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_a_body_that_is_not_a_json_object_is_refused_in_json_a65(
    table_server: AuthServer, body: bytes
) -> None:
    """RFC 7591 §3.2.2. A65."""
    answer = await table_server.http.post(
        "/register", content=body, headers={"content-type": "application/json"}
    )

    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_client_metadata", "invalid_redirect_uri"}


async def test_a_huge_body_is_refused_before_it_is_read_a65_a157(table_server: AuthServer) -> None:
    """A65, A157: such nesting is refused."""
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 100 << 20:
            sent += 1 << 16
            yield b" " * (1 << 16)

    answer = await table_server.http.post(
        "/register", content=endless(), headers={"content-type": "application/json"}
    )

    assert answer.status_code == 400
    assert sent < 1 << 20


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
        *("application/json, text/plain", ""),
    ],
)
async def test_another_sites_page_cannot_register_clients_through_its_visitors(
    table_server: AuthServer, content_type: str
) -> None:
    """RFC 7591 §3.1, A65: what a page may post without a preflight is not JSON."""
    answer = await table_server.http.post(
        "/register", content=json.dumps(MINIMAL), headers={"content-type": content_type}
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert "application/json" in answer.json()["error_description"]


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer"},
        {"authorization": "Bearer \x7f"},
        {"authorization": "Basic !!!"},
        {"content-type": "application/json; charset=utf-8"},
        {"content-type": "Application/JSON"},
        {"accept": "text/html"},
    ],
)
async def test_odd_headers_do_not_stop_a_registration(
    table_server: AuthServer, headers: dict[str, str]
) -> None:
    """A65: this endpoint does not read credentials, even broken ones."""
    answer = await table_server.http.post(
        "/register",
        content=json.dumps(MINIMAL),
        headers={"content-type": "application/json", **headers},
    )

    assert answer.status_code == 201


async def test_a_name_full_of_markup_is_shown_as_text_a44(auth_server: AuthServer) -> None:
    """A44, Spring AS CVE-2026-22752: stored script through registration."""
    client = await auth_server.client(client_name="<script>alert(1)</script>\"'><img src=x>")
    page = await auth_server.person().open(client.authorize_url())

    assert "<script>" not in page.html
    assert "<img" not in page.html
    assert "<script>alert(1)</script>\"'><img src=x>" in page.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    [
        *("redirect_uris", "client_name", "client_uri", "grant_types", "response_types"),
        *("token_endpoint_auth_method", "application_type", "scope", "logo_uri", "jwks"),
    ]
)
URIS = st.lists(
    st.text(max_size=10).map(lambda text: f"https://app.example/{text}")
    | st.text(alphabet="[]:.0123456789abcdef@-", max_size=12).map(lambda t: f"https://{t}/cb"),
    max_size=2,
)


@pytest.mark.both_databases
@given(document=st.dictionaries(MEMBERS, JSON, max_size=4), uris=st.none() | URIS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_registration_makes_the_server_fail(
    auth_server: AuthServer, document: dict[str, Any], uris: list[str] | None
) -> None:
    """A65, A156: any JSON in any member."""
    if uris is not None:
        document = {**document, "redirect_uris": uris}

    answer = await auth_server.http.post(
        "/register",
        content=json.dumps(document),
        headers={"content-type": "application/json"},
    )

    assert answer.status_code in {201, 400}
    assert answer.json()


@given(body=st.binary(max_size=60))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_bytes_make_the_server_fail(table_server: AuthServer, body: bytes) -> None:
    """A65."""
    answer = await table_server.http.post(
        "/register", content=body, headers={"content-type": "application/json"}
    )

    assert answer.status_code == 400
