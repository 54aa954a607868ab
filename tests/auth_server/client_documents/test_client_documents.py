"""Client ID metadata documents: reading them, and showing them to people."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.client_documents.document import UnusableDocument, parse_document
from auth_server.client_documents.url import UnusableClientUrl, require_client_url
from auth_server.outbound.cache import LONGEST, SHORTEST, freshness
from auth_server.outbound.guarded_fetch import Fetched, FetchRefused
from support.in_process.auth_server import AuthServer
from support.in_process.clock import Clock
from support.in_process.oauth_client import OAuthClient, answer_of

URL = "https://app.example/oauth/client.json"


def document(client_id: str = URL, **members: Any) -> dict[str, Any]:
    """A plain client document."""
    return {
        "client_id": client_id,
        "client_name": "App",
        "redirect_uris": ["https://app.example/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
        **members,
    }


def fetched(
    value: Any, *, content_type: str = "application/json", cache_control: str = ""
) -> Fetched:
    """A server's answer."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Fetched(body, content_type, cache_control)


def client_of(auth_server: AuthServer, url: str = URL, **members: Any) -> OAuthClient:
    """A client that publishes a document and asks from its first redirect URI."""
    published = document(url, **members)
    auth_server.web[url] = fetched(published)
    return OAuthClient(
        auth_server.http,
        auth_server.issuer,
        auth_server.resource,
        url,
        redirect_uri=published["redirect_uris"][0],
    )


# Documents of real clients in 2026. Each must connect without special cases here.
REAL: dict[str, tuple[str, dict[str, Any], str]] = {
    "VS Code": (
        "https://vscode.dev/oauth/client-metadata.json",
        {
            "client_name": "Visual Studio Code",
            "logo_uri": "https://code.visualstudio.com/assets/branding/code-stable.png",
            "client_uri": "https://vscode.dev",
            "redirect_uris": ["http://127.0.0.1:33418/callback", "https://vscode.dev/redirect"],
            "response_types": ["code"],
            "application_type": "native",
        },
        "http://127.0.0.1:51234/callback",
    ),
    "Claude Code": (
        "https://claude.ai/oauth/claude-code-client-metadata",
        {
            "client_name": "Claude Code",
            "client_uri": "https://claude.ai",
            "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
            "response_types": ["code"],
        },
        "http://localhost:54545/callback",
    ),
    "Claude Desktop": (
        "https://claude.ai/oauth/mcp-oauth-client-metadata",
        {
            "client_name": "Claude",
            "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
            "grant_types": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
            ],
        },
        "https://claude.ai/api/mcp/auth_callback",
    ),
    "ChatGPT": (
        "https://chatgpt.com/oauth/client.json",
        {
            "client_name": "ChatGPT",
            "redirect_uris": ["https://chatgpt.com/connector/oauth/abc123"],
            "token_endpoint_auth_method": None,
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
            "jwks_uri": "https://chatgpt.com/oauth/jwks.json",
        },
        "https://chatgpt.com/connector/oauth/abc123",
    ),
    "opencode": (
        "https://opencode.ai/oauth/opencode/client.json",
        {
            "client_name": "OpenCode",
            "redirect_uris": ["http://127.0.0.1:19876/mcp/oauth/callback"],
            "application_type": "native",
            "scope": "openid",
        },
        "http://127.0.0.1:19876/mcp/oauth/callback",
    ),
}


@pytest.mark.parametrize("name", REAL)
async def test_a_real_clients_document_connects(auth_server: AuthServer, name: str) -> None:
    """The forms of real documents."""
    url, members, redirect_uri = REAL[name]
    client = client_of(auth_server, url, **members)
    client.redirect_uri = redirect_uri

    tokens = await client.connect(auth_server.person())

    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_person_sees_the_host_of_the_client(auth_server: AuthServer) -> None:
    """A45: the badge names the document's host, not what the document says."""
    client = client_of(auth_server, client_name="Claude")

    page = await auth_server.person().reach_consent(client.authorize_url())

    assert "verified: app.example" in page.text
    assert "unverified" not in page.text


async def test_the_page_warns_of_a_program_on_this_device_despite_its_document_a46(
    auth_server: AuthServer,
) -> None:
    """A46: any local program can use a published client id with a loopback redirect."""
    client = client_of(auth_server, redirect_uris=["http://127.0.0.1/callback"])
    client.redirect_uri = "http://127.0.0.1:4000/callback"

    page = await auth_server.person().reach_consent(client.authorize_url())

    assert "Any program on this device could have sent this request" in page.text
    assert "127.0.0.1:4000" in page.text


async def test_a_document_is_fetched_once_while_it_is_fresh(
    auth_server: AuthServer, clock: Clock
) -> None:
    """Its Cache-Control counts, within bounds."""
    client = client_of(auth_server)
    for _ in range(3):
        await auth_server.person().open(client.authorize_url())
    clock.advance(minutes=6)
    await auth_server.person().open(client.authorize_url())

    assert auth_server.fetched == [URL, URL]


async def test_a_failure_is_never_remembered_a78(auth_server: AuthServer) -> None:
    """A78: an error must not lock a client out."""
    client = client_of(auth_server)
    good = auth_server.web.pop(URL)
    first = await auth_server.person().open(client.authorize_url())

    auth_server.web[URL] = good
    second = await auth_server.person().open(client.authorize_url())

    assert first.status == 400
    assert second.url.startswith(f"{auth_server.issuer}/sign-in")


async def test_a_stale_document_is_not_used_after_its_removal_a78(
    auth_server: AuthServer, clock: Clock
) -> None:
    """A78: a withdrawn redirect URI must not live on here."""
    client = client_of(auth_server)
    await auth_server.person().open(client.authorize_url())
    clock.advance(hours=25)
    del auth_server.web[URL]

    page = await auth_server.person().open(client.authorize_url())

    assert page.status == 400


async def test_a_stranger_can_not_make_this_server_hammer_another_a77(
    auth_server: AuthServer,
) -> None:
    """A77: at most thirty fetches a minute for one origin."""
    for number in range(60):
        url = f"https://victim.example/{number}"
        client = OAuthClient(auth_server.http, auth_server.issuer, auth_server.resource, url)
        await auth_server.http.get(client.authorize_url())

    assert len(auth_server.fetched) == 30


async def test_why_a_document_was_not_read_is_not_told_to_strangers_a84(
    auth_server: AuthServer,
) -> None:
    """A84: error texts that differ would map what is behind this server."""
    reasons = (
        "status 404",
        "the host does not resolve",
        "the host has an address that is not public",
    )
    pages = set()
    for reason in reasons:
        auth_server.web[URL] = FetchRefused(reason)
        client = OAuthClient(auth_server.http, auth_server.issuer, auth_server.resource, URL)
        pages.add((await auth_server.http.get(client.authorize_url())).text)
        auth_server.clock.advance(minutes=10)

    assert len(pages) == 1
    assert "it was not read" in pages.pop()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no json", "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b'{"client_id": "other"}', "its client_id is not the URL it was read from"),
        (document(client_name=None), "it does not have a client_name"),
        (document(redirect_uris=["http://app.example/c"]), "redirect_uris[0] http is allowed on"),
        (document(redirect_uris=["https://a.example/c"] * 101), "a list of 1 to 100 URIs"),
        (document(client_secret="s"), "it contains a secret"),
    ],
)
async def test_the_developer_of_an_app_is_told_the_fault_of_its_document(
    sqlite_server: AuthServer, body: Any, reason: str
) -> None:
    sqlite_server.web[URL] = fetched(body)
    client = OAuthClient(sqlite_server.http, sqlite_server.issuer, sqlite_server.resource, URL)

    page = await sqlite_server.http.get(client.authorize_url())

    assert page.status_code == 400
    assert reason in page.text


async def test_the_developer_of_an_app_is_told_why_its_url_is_not_an_id(
    sqlite_server: AuthServer,
) -> None:
    url = "http://app.example/client.json"
    client = OAuthClient(sqlite_server.http, sqlite_server.issuer, sqlite_server.resource, url)

    page = await sqlite_server.http.get(client.authorize_url())

    assert (page.status_code, "client_id must begin with https://" in page.text) == (400, True)


async def test_a_document_may_list_the_addresses_of_many_versions(
    auth_server: AuthServer,
) -> None:
    uris = [
        f"https://app.example/versions/{number}/oauth/callback/of/some/length"
        for number in range(50)
    ]
    client = client_of(auth_server, redirect_uris=uris)
    client.redirect_uri = uris[-1]

    assert await client.connect(auth_server.person())


async def test_a_document_rewritten_after_consent_is_shown_as_it_now_is_a82(
    auth_server: AuthServer, clock: Clock
) -> None:
    """A82: the person is asked again, and sees the new name and host."""
    client = client_of(auth_server)
    person = auth_server.person()
    await client.connect(person)
    clock.advance(hours=25)
    auth_server.web[URL] = fetched(document(client_name="GitHub"))

    page = await person.reach_consent(client.authorize_url())

    assert "GitHub" in page.text
    assert "verified: app.example" in page.text


async def test_an_endless_client_id_is_refused_before_anything_is_asked_a85(
    auth_server: AuthServer,
) -> None:
    """A85: such a length never reaches the database."""
    client = OAuthClient(
        auth_server.http,
        auth_server.issuer,
        auth_server.resource,
        "https://app.example/" + "a" * 2000,
    )

    answer = await auth_server.http.get(client.authorize_url())

    assert (answer.status_code, auth_server.fetched) == (400, [])


async def test_a_managed_client_keeps_an_id_that_looks_like_a_document_a69(
    auth_server: AuthServer,
) -> None:
    """A69: a stranger's document can't replace an operator's client."""
    from datetime import UTC, datetime

    from auth_server.db.engine import open_database
    from auth_server.records.clients.store import add_client
    from auth_server.records.clients.table import Client

    database = open_database(auth_server.database_url)
    async with database.writing() as db, db.begin():
        managed = Client(
            client_id=URL,
            source="managed",
            name="Ours",
            redirect_uris=["https://ours.example/cb"],
            grant_types=["authorization_code"],
            token_endpoint_auth_method="none",
            application_type="web",
            created_at=datetime.now(UTC),
        )
        await add_client(db, managed)
    await database.engine.dispose()
    client = client_of(auth_server)

    page = await auth_server.person().open(client.authorize_url())

    assert page.status == 400
    client.redirect_uri = "https://ours.example/cb"
    page = await auth_server.person().reach_consent(client.authorize_url())
    assert "Ours" in page.text


async def test_deny_reaches_a_client_known_by_its_document(auth_server: AuthServer) -> None:
    """The same answer as any other client gets."""
    client = client_of(auth_server)

    answer = answer_of(await auth_server.person().deny(client.authorize_url()))

    assert answer["error"] == "access_denied"


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/c.json",
        "HTTPS://app.example/c.json",
        "https://app.example",
        "https://app.example/",
        "https://app.example/?a=b",
        "https://app.example/a#b",
        "https://user@app.example/c",
        "https://user:pw@app.example/c",
        "https://app.example:22/c",
        "https://app.example:6379/c",
        "https://app.example:/c",
        "https://app.example/../c",
        "https://app.example/a/%2e%2e/c",
        "https://app.example/a/.%2E/c",
        "https://app.example/./c",
        "https://app.example\\@evil.example/c",
        "https://app.example/a b",
        "https://app.example/a\tb",
        "https://app.example/\x7f",
        "https://APP.example/c",
        "https://127.0.0.1/c",
        "https://127.1/c",
        "https://2130706433/c",
        "https://0x7f000001/c",
        "https://[::1]/c",
        "https://[fe80::1%25eth0]/c",
        "https://[::1/c",
        "https://app.example]/c",
        "https://localhost/c",
        "https://localhost.:443/c",
        "https://metadata/c",
        "https:///c",
        "https:app.example/c",
        "https://app.example./c",
        "https://-app.example/c",
    ],
)
def test_a_url_that_two_parsers_could_read_differently_is_not_a_client_id_a75(url: str) -> None:
    """A75: every rule checks the text itself."""
    with pytest.raises(UnusableClientUrl):
        require_client_url(url, allow_loopback=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example/c",
        "https://app.example:8443/c",
        "https://app.example:443/c.json?v=1",
        "https://a-b.xn--bcher-kva.example/deep/path",
        *(url for url, _, _ in REAL.values()),
    ],
)
def test_a_plain_url_may_be_a_client_id(url: str) -> None:
    """Client registration, Client ID Metadata Documents."""
    assert require_client_url(url, allow_loopback=False) in url


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (fetched(document(), content_type="text/html"), "content type"),
        (fetched([document()]), "object"),
        (fetched(b"\xef\xbb\xbf{}"), "JSON"),
        (fetched(b'{"client_id": "a", "client_id": "b"}'), "repeats a member"),
        (fetched(b"\xff"), "JSON"),
        (fetched(document(URL + "/")), "client_id"),
        (fetched(document(URL.replace("app", "APP"))), "client_id"),
        (fetched(document(client_name=None)), "client_name"),
        (fetched(document(redirect_uris=[])), "redirect_uris"),
        (fetched(document(redirect_uris=["javascript:alert(1)"])), "redirect_uris"),
        (fetched(document(client_secret="s")), "secret"),
        (fetched(document(jwks={"keys": [{"kty": "EC", "d": "x"}]})), "secret"),
        (fetched(document(token_endpoint_auth_method="client_secret_basic")), "auth_method"),
        (fetched(document(a={"b": {"c": {"d": {"e": {"f": {"g": {"h": {}}}}}}}})), "depth"),
        (fetched(document(skip_consent=True)), "skip_consent"),
    ],
)
def test_an_unusable_document_is_refused_a79_a80_a83(answer: Fetched, reason: str) -> None:
    """A79, A80, A83."""
    with pytest.raises(UnusableDocument, match=reason):
        parse_document(answer.body, answer.content_type, client_id=URL, private_use_schemes=())


@pytest.mark.parametrize("levels", [9, 400, 900, 3000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_deep_document_is_refused(levels: int, opening: str, closing: str) -> None:
    body = (opening * levels + "1" + closing * levels).encode()
    with pytest.raises(UnusableDocument):
        parse_document(body, "application/json", client_id=URL, private_use_schemes=())


@given(body=st.binary(max_size=300) | st.text().map(str.encode))
def test_no_bytes_break_the_reading_of_a_document(body: bytes) -> None:
    """Any document is refused, without a fault."""
    with pytest.raises(UnusableDocument):
        parse_document(body, "application/json", client_id=URL, private_use_schemes=())


@pytest.mark.parametrize(
    ("cache_control", "expected"),
    [
        ("", SHORTEST),
        ("no-store", SHORTEST),
        ("max-age=1", SHORTEST),
        ("public, max-age=3600", None),
        ("max-age=31536000", LONGEST),
        ("max-age=99999999999999", LONGEST),
        ("max-age=junk", SHORTEST),
    ],
)
def test_freshness_stays_between_five_minutes_and_a_day_a78(
    cache_control: str, expected: Any
) -> None:
    """A78: neither fetched too often nor cached for a year."""
    found = freshness(cache_control)
    assert found == expected or (expected is None and found.total_seconds() == 3600)
