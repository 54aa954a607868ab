"""The documents that a client reads first: metadata and keys."""

import asyncio
import gzip
from pathlib import Path

import httpx2
import jwt
import pytest
from authlib.oauth2.rfc8414 import (
    AuthorizationServerMetadata,
    get_well_known_url,
)
from fastapi.routing import iter_route_contexts

from auth_server.schema.migrate import migrate
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.oauth_client import answer_of

OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
MACHINE_PATHS = (OAUTH, OPENID, "/jwks.json")


@pytest.mark.parametrize("path", [OAUTH, OPENID])
async def test_a_client_finds_the_server_at_both_well_known_places(
    table_server: AuthServer, path: str
) -> None:
    """RFC 8414 §3, OpenID Connect Discovery §4; MCP clients try one, then the other."""
    answer = await table_server.http.get(path)

    document = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert document["issuer"] == table_server.issuer
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert set(document["token_endpoint_auth_methods_supported"]) == {
        "none",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
    }
    assert set(document["token_endpoint_auth_signing_alg_values_supported"]) == {
        "ES256",
        "RS256",
        "EdDSA",
        "Ed25519",
    }
    assert document["response_types_supported"] == ["code"]
    assert document["grant_types_supported"] == [
        "authorization_code",
        "client_credentials",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert {"offline_access", "openid", "profile", "email"} <= set(document["scopes_supported"])
    assert "gatepost:catalogue" not in document["scopes_supported"]


async def test_whatever_answers_get_answers_head_alike(sqlite_server: AuthServer) -> None:
    """RFC 9110 §9.3.2; monitors and some clients look with HEAD first."""
    served = [
        (route.path or "").replace("{", "").replace("}", "")
        for route in iter_route_contexts(sqlite_server.app.routes)
        if "GET" in (route.methods or ())
    ]
    assert {OAUTH, OPENID, "/jwks.json", "/sign-in", "/authorize", "/readyz"} <= set(served)
    for path in served:
        async with sqlite_server.browser() as one, sqlite_server.browser() as other:
            got, head = await one.get(path), await other.head(path)
        assert (path, head.status_code) == (path, got.status_code)
        assert head.headers.get("content-type") == got.headers.get("content-type")


async def test_a_compressed_body_is_refused_by_name(sqlite_server: AuthServer) -> None:
    """RFC 9110 §15.5.16."""
    for path, content_type, body in (
        ("/register", "application/json", b'{"redirect_uris": ["http://127.0.0.1/cb"]}'),
        ("/token", "application/x-www-form-urlencoded", b"grant_type=refresh_token&client_id=a"),
        ("/revoke", "application/x-www-form-urlencoded", b"token=x&client_id=a"),
    ):
        headers = {"content-type": content_type, "content-encoding": "gzip"}
        answer = await sqlite_server.http.post(path, content=gzip.compress(body), headers=headers)
        assert (path, answer.status_code) == (path, 415)
        assert "Content-Encoding" in answer.json()["error_description"]


async def test_an_issuer_with_a_path_is_found_wherever_clients_look_a134(
    sqlite_url: str, clock: Clock
) -> None:
    """RFC 8414 §3.1 (inserted), OpenID Connect Discovery §4 (appended), and the root. A134."""
    issuer = "https://id.example/tenants/one"
    async with running_auth_server(sqlite_url, clock, issuer=issuer) as server:
        urls = [
            get_well_known_url(issuer, external=True),
            f"https://id.example{OPENID}/tenants/one",
            f"{issuer}{OPENID}",
            f"{issuer}{OAUTH}",
            f"https://id.example{OAUTH}",
            f"https://id.example{OPENID}",
        ]
        answers = [await server.http.get(url) for url in urls]

    assert [answer.status_code for answer in answers] == [200] * len(urls)
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["issuer"] == issuer


async def test_an_independent_library_accepts_the_metadata(table_server: AuthServer) -> None:
    """RFC 8414 §2, as Authlib checks it."""
    document = (await table_server.http.get(OAUTH)).json()
    # Authlib requires https, but the tests' issuer is a loopback address.
    secure = {
        name: value.replace("http://127.0.0.1:8400", "https://id.example")
        if isinstance(value, str)
        else value
        for name, value in document.items()
    }

    AuthorizationServerMetadata(secure).validate()


async def test_every_url_in_the_metadata_is_the_issuer_and_a_path_that_answers_a94(
    table_server: AuthServer,
) -> None:
    """A94: every advertised feature exists."""
    document = (await table_server.http.get(OAUTH)).json()

    urls = {
        name: value
        for name, value in document.items()
        if name.endswith(("_endpoint", "_uri")) and isinstance(value, str)
    }
    assert set(urls) == {
        "authorization_endpoint",
        "token_endpoint",
        "pushed_authorization_request_endpoint",
        "device_authorization_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "userinfo_endpoint",
        "end_session_endpoint",
        "jwks_uri",
    }
    for url in urls.values():
        assert url.startswith(f"{table_server.issuer}/")
        answers = [await table_server.http.get(url), await table_server.http.post(url)]
        assert {answer.status_code for answer in answers} & {200, 400, 401}, url
        assert 404 not in {answer.status_code for answer in answers}, url


async def test_the_issuer_is_the_same_bytes_in_documents_tokens_and_answers_a17(
    sqlite_server: AuthServer,
) -> None:
    """RFC 9207 §2.4, RFC 8414 §3.3. A17: clients compare strings."""
    client = await sqlite_server.client()
    answer = answer_of(await sqlite_server.person().approve(client.authorize_url()))
    tokens = (await client.redeem(answer["code"])).json()
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    documents = [(await sqlite_server.http.get(path)).json() for path in (OAUTH, OPENID)]

    assert {answer["iss"], claims["iss"], *(d["issuer"] for d in documents)} == {
        sqlite_server.settings.issuer
    }


@pytest.mark.parametrize("path", MACHINE_PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "["},
        {"host": "evil.example/x?y"},
        {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"},
        {"forwarded": "host=evil.example;proto=https"},
        {"x-original-url": "https://evil.example/", "x-forwarded-prefix": "/evil"},
    ],
)
async def test_naming_another_host_changes_no_byte_of_a_document_a133(
    table_server: AuthServer, path: str, headers: dict[str, str]
) -> None:
    """A133: metadata forged by Host and forwarding headers."""
    honest = await table_server.http.get(path)

    spoofed = await table_server.http.get(path, headers=headers)

    assert (spoofed.status_code, spoofed.content) == (honest.status_code, honest.content)


@pytest.mark.parametrize("path", ["/token/", "/sign-in/", "/consent/", "/register/"])
async def test_a_path_with_a_slash_too_many_never_sends_a_posted_form_elsewhere_a15(
    table_server: AuthServer, path: str
) -> None:
    """A15, A146: a 307 would repeat the password, at the host that the request names."""
    answer = await table_server.http.post(
        path, data={"password": "gatepost-demo"}, headers={"host": "evil.example"}
    )

    assert answer.status_code == 404
    assert "location" not in answer.headers


@pytest.mark.parametrize("path", MACHINE_PATHS)
async def test_a_client_that_has_the_document_is_told_that_it_did_not_change(
    table_server: AuthServer, path: str
) -> None:
    """RFC 9110 §13.1.2; weak comparison, since proxies weaken tags."""
    first = await table_server.http.get(path)
    etag = first.headers["etag"]

    for known in (etag, f"W/{etag}", f'"older", {etag}', "*"):
        again = await table_server.http.get(path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b""), known
        assert again.headers["etag"] == etag
    other = await table_server.http.get(path, headers={"if-none-match": '"other"'})
    assert other.content == first.content


@pytest.mark.parametrize("path", [*MACHINE_PATHS, "/token", "/register"])
async def test_a_browser_based_client_may_call_the_endpoints_for_programs_a71(
    table_server: AuthServer, path: str
) -> None:
    """A71: the MCP Inspector registers and redeems from a page of another origin."""
    origin = {"origin": "https://inspector.example"}
    asked = {
        **origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, mcp-protocol-version, authorization",
    }

    preflight = await table_server.http.options(path, headers=asked)
    answers = [
        await table_server.http.get(path, headers=origin),
        await table_server.http.post(path, headers=origin),
    ]

    assert preflight.status_code == 204
    allowed = preflight.headers["access-control-allow-headers"].replace(" ", "").split(",")
    assert {"content-type", "mcp-protocol-version", "authorization"} <= set(allowed)
    for answer in (preflight, *answers):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/authorize", "/authorize/continue", "/sign-in", "/tenant", "/consent", "/nowhere"]
)
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_no_script_of_another_site_reads_a_page_a71(
    table_server: AuthServer, path: str, origin: str
) -> None:
    """A71: pages get no CORS header, and `Origin: null` is not reflected."""
    headers = {"origin": origin, "access-control-request-method": "POST"}

    answers = [
        await table_server.http.get(path, headers=headers),
        await table_server.http.options(path, headers=headers),
    ]

    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_the_published_keys_hold_no_private_part_a115(table_server: AuthServer) -> None:
    """RFC 7517 §4, A115."""
    keys = (await table_server.http.get("/jwks.json")).json()["keys"]

    assert len(keys) == 2  # the active one and the next one
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["crv"], key["use"], key["alg"]) == ("P-256", "sig", "ES256")


async def test_a_restarted_server_signs_with_the_same_key(database_url: str, clock: Clock) -> None:
    """Keys are stored: tokens issued before a restart still verify."""
    published: list[httpx2.Response] = []
    for _ in range(2):
        async with running_auth_server(database_url, clock) as server:
            published.append(await server.http.get("/jwks.json"))

    assert published[0].content == published[1].content


async def test_two_servers_that_start_together_agree_on_one_key(
    tmp_path: Path, clock: Clock
) -> None:
    """Several processes start on one empty database."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
    await asyncio.to_thread(migrate, url)

    async def keys() -> bytes:
        async with running_auth_server(url, clock) as server:
            return (await server.http.get("/jwks.json")).content

    assert len(set(await asyncio.gather(keys(), keys(), keys()))) == 1


async def test_the_private_key_is_stored_encrypted_a115(tmp_path: Path, clock: Clock) -> None:
    """A115: a copy of the database can't sign."""
    path = tmp_path / "gatepost.db"
    await asyncio.to_thread(migrate, f"sqlite+aiosqlite:///{path}")
    async with running_auth_server(f"sqlite+aiosqlite:///{path}", clock):
        pass

    stored = path.read_bytes()

    assert b'"kty"' in stored
    assert b'"d"' not in stored
