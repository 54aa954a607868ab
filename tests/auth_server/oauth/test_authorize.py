"""The authorization endpoint: requests are checked before a person sees a page."""

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth_server.records.clients.table import Client
from support.in_process.auth_server import AuthServer
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient, answer_of

EVIL = "https://evil.example/cb"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
OTHER_RESOURCE = "http://127.0.0.1:8411/mcp"

# Every possible error of a request, except in its client and redirect URI.
WRONG: dict[str, tuple[dict[str, str | None], str]] = {
    "no response_type": ({"response_type": None}, "invalid_request"),
    "implicit response_type": ({"response_type": "token"}, "unsupported_response_type"),
    "hybrid response_type": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "no PKCE": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "plain PKCE": ({"code_challenge_method": "plain"}, "invalid_request"),
    "a foreign resource": ({"resource": "https://evil.example/mcp"}, "invalid_target"),
    "a malformed scope": ({"scope": 'mcp:read "'}, "invalid_scope"),
    "an unknown scope": ({"scope": "mcp:everything"}, "invalid_scope"),
    "prompt=none and login": ({"prompt": "none login"}, "invalid_request"),
    "a malformed max_age": ({"max_age": "soon"}, "invalid_request"),
    "a request object": ({"request": "e30.e30."}, "request_not_supported"),
    "a request object elsewhere": ({"request_uri": EVIL}, "request_uri_not_supported"),
    "a fragment response_mode": ({"response_mode": "fragment"}, "invalid_request"),
    "a form_post response_mode": ({"response_mode": "form_post"}, "invalid_request"),
    "a web_message response_mode": ({"response_mode": "web_message"}, "invalid_request"),
}


@pytest.fixture
async def client(table_server: AuthServer) -> OAuthClient:
    """A client of the server that only tries rules."""
    return await table_server.client()


def query_of(url: str) -> dict[str, list[str]]:
    """Read a redirect's query, repeats and all."""
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


def way_back(answer: httpx2.Response) -> str:
    """Return the target of a refusal's redirect or link."""
    link = re.search(r'href="([^"/][^"]*)" rel="noreferrer"', answer.text)
    return html.unescape(link[1]) if link else answer.headers["location"]


def assert_page(answer: httpx2.Response) -> None:
    """The person stays on a page with the error."""
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert answer.headers["content-type"].startswith("text/html")
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("wrong", WRONG)
async def test_an_unregistered_redirect_uri_is_never_used_despite_other_errors_a01_a02(
    table_server: AuthServer, client: OAuthClient, wrong: str
) -> None:
    """A01, A02; CVE-2025-4143, CVE-2026-44681. RFC 6749 §4.1.2.1."""
    changes, _ = WRONG[wrong]

    assert_page(
        await table_server.http.get(client.authorize_url(**{**changes, "redirect_uri": EVIL}))
    )


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_registered_address_is_told_what_is_wrong_with_state_and_iss_once_a13_a17(
    table_server: AuthServer, client: OAuthClient, wrong: str
) -> None:
    """RFC 6749 §4.1.2.1, RFC 9207 §2. A02, A17, A20, A21, A51."""
    changes, code = WRONG[wrong]

    answer = await table_server.http.get(client.authorize_url(**changes))

    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{client.redirect_uri}?")
    query = query_of(answer.headers["location"])
    assert (query["error"], query["state"]) == ([code], [client.state])
    assert query["iss"] == [table_server.issuer]
    assert set(query) == {"error", "error_description", "state", "iss"}


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": ""},
        {"client_id": "client_unknown"},
        {"client_id": "a" * 5000},
        {"client_id": "' OR 1=1 --"},
        {"redirect_uri": None},
        {"redirect_uri": ""},
        {"redirect_uri": "http://127.0.0.1:3999/other"},
        {"redirect_uri": "http://localhost:3999/callback"},
        {"redirect_uri": "http://127.0.0.1:3999/callback\r\nSet-Cookie: a=b"},
    ],
)
async def test_an_unknown_client_or_address_gets_a_page_and_never_a_redirect_a03_a154(
    table_server: AuthServer, client: OAuthClient, changes: dict[str, str | None]
) -> None:
    """A01, A03. RFC 6749 §4.1.2.1."""
    assert_page(await table_server.http.get(client.authorize_url(**changes)))


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("redirect_uri", ["https://evil.example/cb", "com.evil.app:/cb"])
async def test_nobody_is_redirected_to_an_unverified_app_without_a_click_a19(
    table_server: AuthServer, wrong: str, redirect_uri: str
) -> None:
    """OAuth 2.1 §7.12.2: otherwise this server would be an open redirector."""
    client = await table_server.client(redirect_uris=[redirect_uri])
    client.redirect_uri = redirect_uri
    changes, code = WRONG[wrong]

    answer = await table_server.http.get(client.authorize_url(**changes))

    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert 'http-equiv="refresh"' not in answer.text
    assert "evil" in answer.text
    assert query_of(way_back(answer))["error"] == [code]
    assert query_of(way_back(answer))["iss"] == [table_server.issuer]


async def test_an_app_that_an_operator_registered_is_told_without_a_click(
    auth_server: AuthServer, change_row: Any
) -> None:
    await change_row(auth_server, Client, "orbit-cli", redirect_uris=["https://orbit.example/cb"])
    client = OAuthClient(auth_server.http, auth_server.issuer, auth_server.resource, "orbit-cli")
    client.redirect_uri = "https://orbit.example/cb"

    answer = await auth_server.http.get(client.authorize_url(prompt="none login"))

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://orbit.example/cb?error=")


async def test_one_clients_address_is_not_another_clients_a01(table_server: AuthServer) -> None:
    """A01."""
    mine = await table_server.client(redirect_uris=["https://mine.example/cb"])
    theirs = await table_server.client(redirect_uris=["https://theirs.example/cb"])

    url = mine.authorize_url(redirect_uri="https://theirs.example/cb", client_id=mine.client_id)
    answer = await table_server.http.get(url)

    assert theirs.client_id != mine.client_id
    assert_page(answer)


@pytest.mark.parametrize(
    "name",
    [
        *("response_type", "client_id", "redirect_uri", "state", "scope", "code_challenge"),
        *("code_challenge_method", "prompt", "max_age", "response_mode", "login_hint", "nonce"),
        *("request_uri", "unheard_of"),
    ],
)
@pytest.mark.parametrize("second", [EVIL, ""])
async def test_a_parameter_sent_twice_is_refused_on_a_page_a10(
    table_server: AuthServer, client: OAuthClient, name: str, second: str
) -> None:
    """RFC 6749 §3.1. A10: readers differ on which of two values counts."""
    url = client.authorize_url(**{name: "x" if name == "unheard_of" else None})
    query = query_of(url)
    first = query.get(name, ["code"])[0]

    extra = urlencode([(name, second), (name, first)])

    assert_page(await table_server.http.get(f"{url}&{extra}"))


@pytest.mark.parametrize(
    "name", ["client_id[]", "client_id[0]", "redirect_uri[]", "state.x", "CLIENT_ID"]
)
async def test_other_spellings_of_a_name_are_other_names(
    table_server: AuthServer, client: OAuthClient, name: str
) -> None:
    """A10: array syntax never replaces a parameter."""
    answer = await table_server.http.get(client.authorize_url(**{name: EVIL}))

    assert answer.headers["location"].startswith("/authorize/continue?")


@pytest.mark.parametrize(
    ("challenge", "method"),
    [
        (CHALLENGE, None),
        (CHALLENGE, ""),
        (CHALLENGE, "plain"),
        (CHALLENGE, "s256"),
        (CHALLENGE, "S512"),
        (CHALLENGE, "S256 "),
        (CHALLENGE, "S256\n"),
        ("", "S256"),
        (None, "S256"),
        (CHALLENGE[:-1], "S256"),
        (CHALLENGE + "A", "S256"),
        (CHALLENGE + "=", "S256"),
        (CHALLENGE + "\n", "S256"),
        (CHALLENGE[:-1] + "+", "S256"),
        (CHALLENGE[:-1] + "é", "S256"),
        (CHALLENGE[:-1] + "~", "S256"),
        ("a" * 128, "S256"),
    ],
)
@pytest.mark.parametrize("method_of_client", ["none", "client_secret_basic"])
async def test_no_client_gets_by_without_a_proper_s256_challenge_a20_a21_a22_a23(
    table_server: AuthServer, challenge: str | None, method: str | None, method_of_client: str
) -> None:
    """RFC 7636 §4.3, OAuth 2.1 §4.1.1. A20, A21, A22, A23."""
    client = await table_server.client(token_endpoint_auth_method=method_of_client)

    url = client.authorize_url(code_challenge=challenge, code_challenge_method=method)
    answer = await table_server.http.get(url)

    assert query_of(answer.headers["location"])["error"] == ["invalid_request"]


async def test_a_resource_is_known_in_every_form_that_mcp_lets_a_client_write_a129(
    auth_server: AuthServer, read_token: Any
) -> None:
    """MCP 2026-07-28, authorization, Canonical Server URI. A129: the token says the one string."""
    client, person = await auth_server.client(), auth_server.person()
    for resource in (
        "http://127.0.0.1:8401/mcp",
        "http://127.0.0.1:8401/mcp/",
        "HTTP://127.0.0.1:8401/mcp",
        "hTTp://127.0.0.1:8401/mcp/",
    ):
        answer = answer_of(await person.approve(client.authorize_url(resource=resource)))
        tokens = await client.redeem(answer["code"], resource=resource)
        claims = await read_token(auth_server, tokens.json()["access_token"])
        assert claims["aud"] == auth_server.resource


@pytest.mark.parametrize(
    "resource",
    [
        "http://127.0.0.1:8401",
        "http://127.0.0.1:8401/",
        "http://127.0.0.1:8401/mcp//",
        "http://127.0.0.1:8401/MCP",
        "http://127.0.0.1:8401/mcp/other",
        "http://127.0.0.1:8401/mcp-evil",
        "http://127.0.0.1:8401/mcp?x=1",
        "http://127.0.0.1:8401/mcp?",
        "http://127.0.0.1:8401/mcp#f",
        "http://127.0.0.1:8401/mcp#",
        "http://127.0.0.1:8401/%6dcp",
        "http://127.0.0.1:8401/x/../mcp",
        "http://127.0.0.1/mcp",
        "https://127.0.0.1:8401/mcp",
        "http://a@127.0.0.1:8401/mcp",
        "http://127.0.0.1:8401\\mcp",
        "//127.0.0.1:8401/mcp",
        "127.0.0.1:8401/mcp",
        "/mcp",
        "mcp",
        "http:mcp",
        "http://[/mcp",
        "http://[::1/mcp",
        "javascript:alert(1)",
        "urn:example:mcp",
        " http://127.0.0.1:8401/mcp",
        "http://127.0.0.1:8401/mcp ",
        "\u2100",
        "x" * 3000,
    ],
)
async def test_no_other_spelling_of_a_resource_is_accepted_a129(
    table_server: AuthServer, client: OAuthClient, resource: str
) -> None:
    """RFC 8707 §2. A129."""
    answer = await table_server.http.get(client.authorize_url(resource=resource))

    assert query_of(answer.headers["location"])["error"] == ["invalid_target"]


async def test_a_client_may_name_a_resource_twice_but_not_two_resources_a129(
    table_server: AuthServer, client: OAuthClient
) -> None:
    """RFC 8707 §2: a token is for one resource. A129."""
    url = client.authorize_url(resource=None)

    async def ask(*resources: str) -> str:
        query = urlencode([("resource", resource) for resource in resources])
        answer = await table_server.http.get(f"{url}&{query}")
        location: str = answer.headers["location"]
        return location

    same = await ask(table_server.resource, table_server.resource + "/")
    other = await ask(OTHER_RESOURCE)
    both = await ask(table_server.resource, OTHER_RESOURCE)
    evil = await ask(table_server.resource, "https://evil.example/mcp")

    assert same.startswith("/authorize/continue?")
    assert other.startswith("/authorize/continue?")
    assert query_of(both)["error"] == query_of(evil)["error"] == ["invalid_target"]


@pytest.mark.parametrize(
    ("scope", "error"),
    [
        ("mcp:read", None),
        ("mcp:read  mcp:write ", None),
        ("mcp:read mcp:read", None),
        ("mcp:read mcp:everything", None),
        ("openid profile email", None),
        ("openid offline_access", None),
        ("", None),
        (" ", None),
        ("mcp:everything", "invalid_scope"),
        ("MCP:READ", "invalid_scope"),
        ("gatepost:catalogue", "invalid_scope"),
        ('mcp:read"', "invalid_scope"),
        ("mcp:read\\", "invalid_scope"),
        ("mcp:read\tmcp:write", "invalid_scope"),
        ("mcp:read\nmcp:write", "invalid_scope"),
        ("mcp:rëad", "invalid_scope"),
        ("mcp:read\u00a0mcp:write", "invalid_scope"),
        ("\u2003", "invalid_scope"),
        ("x" * 10_000, "invalid_scope"),
        (" ".join(f"s{n}" for n in range(2000)), "invalid_scope"),
    ],
)
async def test_a_scope_is_read_by_the_grammar_and_unknown_scopes_are_left_out_a132(
    table_server: AuthServer, client: OAuthClient, scope: str, error: str | None
) -> None:
    """RFC 6749 §3.3. A132."""
    answer = await table_server.http.get(client.authorize_url(scope=scope))

    location = answer.headers["location"]
    if error is None:
        assert location.startswith("/authorize/continue?")
    else:
        assert query_of(location)["error"] == [error]


async def test_a_reserved_scope_never_reaches_a_token_a63(
    auth_server: AuthServer, read_token: Any
) -> None:
    """A132, A47: unknown, internal and repeated scopes fall away."""
    client = await auth_server.client()
    url = client.authorize_url(scope="mcp:read mcp:read gatepost:catalogue email mcp:everything")
    answer = answer_of(await auth_server.person().approve(url))

    tokens = (await client.redeem(answer["code"])).json()

    claims = await read_token(auth_server, tokens["access_token"])
    assert (tokens["scope"], claims["scope"]) == ("mcp:read", "mcp:read")


async def test_prompt_login_asks_for_the_password_again_a51(auth_server: AuthServer) -> None:
    """OpenID Connect Core §3.1.2.1. A51."""
    client, person = await auth_server.client(), auth_server.person()
    await person.reach_consent(client.authorize_url())
    auth_server.clock.advance(seconds=1)

    page = await person.open(client.authorize_url(prompt="login"))
    assert urlsplit(page.url).path == "/sign-in"
    page = await person.sign_in(page)
    assert urlsplit(page.url).path == "/tenant"

    again = await person.open(client.authorize_url())
    assert urlsplit(again.url).path == "/tenant"


async def test_max_age_asks_again_once_the_sign_in_is_too_old_a51(auth_server: AuthServer) -> None:
    """OpenID Connect Core §3.1.2.1. A51."""
    client, person = await auth_server.client(), auth_server.person()
    await person.reach_consent(client.authorize_url())

    async def path(max_age: str) -> str:
        page = await person.open(client.authorize_url(max_age=max_age))
        return urlsplit(page.url).path

    auth_server.clock.advance(seconds=60)
    assert await path("60") == "/tenant"
    assert await path("999999999") == "/tenant"
    assert await path("59") == "/sign-in"
    assert await path("0") == "/sign-in"


@pytest.mark.parametrize("max_age", ["-1", "1.5", "1e3", "٣", "9999999999", "1 ", "0x1"])
async def test_a_max_age_that_is_not_a_number_of_seconds_is_refused(
    table_server: AuthServer, client: OAuthClient, max_age: str
) -> None:
    """OpenID Connect Core §3.1.2.1."""
    answer = await table_server.http.get(client.authorize_url(max_age=max_age))

    assert query_of(answer.headers["location"])["error"] == ["invalid_request"]


@pytest.mark.parametrize(
    "state",
    [
        "a",
        "a b+c%20d&e=f#g?h",
        "ünï→🙂",
        "<script>'\"",
        "a\r\nLocation: https://evil.example",
        "{}[]|\\^`~",
        "x" * 4096,
    ],
)
async def test_state_comes_back_as_it_was_sent(
    table_server: AuthServer, client: OAuthClient, state: str
) -> None:
    """RFC 6749 §4.1.2: exactly the value received; also with characters that must be escaped."""
    person = table_server.person()

    denied = await person.deny(client.authorize_url(state=state))
    refused = await table_server.http.get(client.authorize_url(state=state, prompt="none login"))

    assert query_of(denied)["state"] == query_of(refused.headers["location"])["state"] == [state]
    assert "\n" not in refused.headers["location"]


@pytest.mark.parametrize("state", [None, ""])
async def test_no_state_comes_back_where_none_was_sent(
    table_server: AuthServer, client: OAuthClient, state: str | None
) -> None:
    """RFC 6749 §4.1.2; MCP clients may rely on PKCE without state."""
    denied = await table_server.person().deny(client.authorize_url(state=state))

    assert "state" not in query_of(denied)


async def test_a_state_too_long_to_carry_is_refused_to_the_client(
    table_server: AuthServer, client: OAuthClient
) -> None:
    """A156."""
    answer = await table_server.http.get(client.authorize_url(state="x" * 4097))

    query = query_of(answer.headers["location"])
    assert (query["error"], query["iss"]) == (["invalid_request"], [table_server.issuer])


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://ok.example/cb?tenant=1&x=%2F%20a",
        "https://ok.example/cb;p=%2f?a=b+c",
        "https://ok.example",
        "http://127.0.0.1:3999/cb?x=y",
        "com.example.app:/cb",
        "cursor://anysphere.cursor-mcp/cb?y",
    ],
)
async def test_the_answer_is_added_to_the_registered_bytes_a18(
    table_server: AuthServer, redirect_uri: str
) -> None:
    """RFC 6749 §3.1.2: a query is kept. A18."""
    client = await table_server.client(redirect_uris=[redirect_uri])
    client.redirect_uri = redirect_uri
    separator = "&" if "?" in redirect_uri else "?"

    approved = await table_server.person().approve(client.authorize_url())
    refused = await table_server.http.get(client.authorize_url(prompt="none login"))

    assert approved.startswith(f"{redirect_uri}{separator}code=")
    assert f"{redirect_uri}{separator}error=" in way_back(refused)
    assert query_of(approved)["iss"] == [table_server.issuer]


async def test_an_answer_goes_to_the_port_that_was_asked_for(table_server: AuthServer) -> None:
    """RFC 8252 §7.3: a native client listens wherever it finds a free port."""
    client = await table_server.client(redirect_uris=["http://127.0.0.1/callback"])
    client.redirect_uri = "http://127.0.0.1:50321/callback"

    answer = await table_server.person().approve(client.authorize_url())
    tokens = await client.redeem(answer_of(answer)["code"])

    assert answer.startswith("http://127.0.0.1:50321/callback?")
    assert tokens.status_code == 200


async def test_a_managed_client_connects_without_registering(auth_server: AuthServer) -> None:
    """A client from the operator's seed file."""
    client = OAuthClient(
        auth_server.http,
        auth_server.issuer,
        auth_server.resource,
        "orbit-cli",
        redirect_uri="http://127.0.0.1:40404/callback",
    )

    tokens = await connect_without_pages(auth_server, client)

    assert tokens["scope"] == "mcp:read mcp:write"


async def test_a_disabled_client_can_no_longer_request_authorization(
    auth_server: AuthServer, change_row: Any
) -> None:
    """A33."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    await change_row(auth_server, Client, client.client_id, disabled_at=auth_server.clock())

    assert_page(await auth_server.http.get(client.authorize_url()))
    stopped = await person.press(page, "Approve")
    assert (stopped.status, stopped.moves_on_to) == (400, None)


@pytest.mark.both_databases
async def test_opening_the_same_link_twice_does_no_harm(auth_server: AuthServer) -> None:
    """RFC 9110 §9.2.1: a GET is safe; browsers prefetch and people reload."""
    client, person = await auth_server.client(), auth_server.person()
    url = client.authorize_url()

    first = await person.reach_consent(url)
    second = await person.reach_consent(url)

    assert answer_of((await person.press(first, "Approve")).moves_on_to or "")["code"]
    assert answer_of((await person.press(second, "Approve")).moves_on_to or "")["code"]


async def test_looking_at_a_link_without_cookies_gives_nothing_away_a36(
    auth_server: AuthServer,
) -> None:
    """A19, A36: a visitor without cookies gets a page that says so."""
    client = await auth_server.client()
    answer = await auth_server.http.get(client.authorize_url())
    stranger = auth_server.browser()

    page = await stranger.get(answer.headers["location"])

    assert answer.headers["location"].startswith("/authorize/continue?")
    assert (page.status_code, "location" in page.headers) == (400, False)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_only_get_begins_an_authorization(
    table_server: AuthServer, client: OAuthClient, method: str
) -> None:
    """A10: no parameters from a body besides those of the query."""
    answer = await table_server.http.request(
        method, client.authorize_url(), data={"redirect_uri": EVIL}
    )

    assert (answer.status_code, "location" in answer.headers) == (405, False)


async def test_fifty_connections_at_once_leave_three_small_cookies_a58(
    table_server: AuthServer, client: OAuthClient
) -> None:
    """A58: a cookie for each flow would end in a 431."""
    person = table_server.person()
    for _ in range(50):
        await person.http.get(client.authorize_url())
    await person.reach_consent(client.authorize_url())

    cookies = list(person.http.cookies.jar)

    assert len(cookies) == 3  # the browser, its session, and the mark of a known browser
    assert sum(len(cookie.name) + len(cookie.value or "") for cookie in cookies) < 256


ODD = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["\x00", "a\x00b", "\x1f", "\x7f", "\ufffe", "🙂" * 20, "' --", "%00", "x" * 9000]
    ),
)
NAMES = st.sampled_from(
    [
        *("response_type", "client_id", "redirect_uri", "state", "scope", "code_challenge"),
        *("code_challenge_method", "resource", "prompt", "max_age", "response_mode", "login_hint"),
        *("request", "request_uri", "nonce", "display"),
    ]
)


@pytest.mark.both_databases
@given(changes=st.dictionaries(NAMES, ODD, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_parameter_makes_the_server_fail(
    auth_server: AuthServer, changes: dict[str, str]
) -> None:
    """A156: NUL, controls, other planes, quotes, lengths."""
    client = OAuthClient(auth_server.http, auth_server.issuer, auth_server.resource, "orbit-cli")
    client.redirect_uri = "http://127.0.0.1/callback"

    answer = await auth_server.http.get(client.authorize_url(**changes))

    assert answer.status_code in {303, 400}
    assert "evil.example" not in answer.headers.get("location", "")


BEYOND_ASCII, NOT_UTF8 = "it contains non-ASCII bytes", "are not form-encoded UTF-8"
CONTROL, TOO_MANY = "contains a control character", "there are more than 200 parameters"
UNREADABLE = (
    (b"transaction=\xff", BEYOND_ASCII),
    (b"transaction=%ff", NOT_UTF8),
    (b"transaction=%ed%a0%80", NOT_UTF8),
    (b"transaction=%00", CONTROL),
    (b"client_id=%ff", NOT_UTF8),
    (b"client_id=%00", CONTROL),
    (b"client_id=a&state=%00", CONTROL),
    (b"%00=%00", CONTROL),
    (b"a=1&" * 300, TOO_MANY),
    (b"\xff\xfe\x00", BEYOND_ASCII),
)
LONE_PERCENT, NAMELESS = b"transaction=%", b"=&=&&&;"
PAGES = ("/authorize/continue", "/sign-in", "/consent")


async def send_query(server: AuthServer, path: str, query: bytes) -> tuple[int, str]:
    """Ask for a page as a hostile client does, past every library; return status and page."""
    transport: Any = server.http._transport
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"host", b"127.0.0.1:8400"), (b"cookie", b"gatepost_browser=x")],
        "scheme": "http",
        "server": ("127.0.0.1", 8400),
        "client": ("127.0.0.1", 1),
        "root_path": "",
        "http_version": "1.1",
    }
    await transport.app(scope, receive, send)
    assert (b"content-type", b"text/html; charset=utf-8") in sent[0]["headers"]
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], html.unescape(body.decode()).lower()


@pytest.mark.both_databases
@pytest.mark.parametrize("path", ["/authorize", *PAGES])
async def test_malformed_query_bytes_get_a_page_with_the_reason(
    auth_server: AuthServer, path: str
) -> None:
    """A156: on every page, and before any lookup."""
    for query, reason in UNREADABLE:
        status, page = await send_query(auth_server, path, query)
        assert (status, reason.lower() in page) == (400, True), query


@pytest.mark.both_databases
async def test_odd_bytes_in_a_valid_query_get_the_page_for_its_client(
    auth_server: AuthServer,
) -> None:
    """A156: a lone percent sign is literal, and fields without a name are ignored."""
    for query, path, status, says in (
        (LONE_PERCENT, "/authorize", 400, "parameter client_id is missing"),
        (NAMELESS, "/authorize", 400, "parameter '' was sent more than once"),
        *((LONE_PERCENT, path, 400, "this request has expired") for path in PAGES),
        (NAMELESS, "/authorize/continue", 400, "this request has expired"),
        (NAMELESS, "/sign-in", 200, "to continue to your account"),
        (NAMELESS, "/consent", 400, "this request has expired"),
    ):
        answer = await send_query(auth_server, path, query)
        assert (answer[0], says in answer[1]) == (status, True), (path, query)
