"""Redirect URIs: registering them, and matching a request's."""

import ipaddress
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.records.clients.redirect_uris import (
    UnusableRedirectUri,
    is_loopback,
    match_redirect_uri,
    redirect_host,
    require_redirect_uri,
)

SCHEMES = ("claude", "cursor", "vscode")
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}

USABLE = [
    ("https://ok.example/cb", "https"),
    ("https://ok.example", "https"),
    ("https://ok.example:8443/cb?tenant=1&x=%20", "https"),
    ("https://xn--bcher-kva.example/cb", "https"),
    ("https://[2001:db8::1]:8443/cb", "https"),
    ("https://a_b.ok-1.example/cb;v=1/@me", "https"),
    ("http://localhost/cb", "loopback"),
    ("http://localhost:3000/cb", "loopback"),
    ("http://127.0.0.1:65535/cb", "loopback"),
    ("http://[::1]:49152/cb?x=y", "loopback"),
    ("http://127.0.0.1", "loopback"),
    ("com.example.app:/callback", "private-use"),
    ("com.example.app://callback", "private-use"),
    ("cursor://anysphere.cursor-mcp/oauth/callback", "private-use"),
    ("vscode:/cb", "private-use"),
]
UNUSABLE = {
    "A05 user names": [
        "https://ok.example@evil.example/cb",
        "https://ok.example:443@evil.example/cb",
        "http://localhost@evil.example/cb",
        "http://localhost:80@evil.example/cb",
        "http://a@127.0.0.1/cb",
        "https://@ok.example/cb",
        "cursor://a@b/cb",
        "com.example.app://a@b/cb",
    ],
    "A06 characters that readers disagree on": [
        "https:\\\\ok.example\\cb",
        "https://ok.example\\@evil.example/cb",
        "https://ok.example/c\tb",
        "https://ok.example/cb\n",
        "https://ok.example/cb\r\nLocation: https://evil.example",
        "https://ok.example/\x00cb",
        " https://ok.example/cb",
        "https://ok.example/cb ",
        "https://ok.example/\x7fcb",
        "https://\u043e\u043a.example/cb",
        "https://ok.example\u3002evil.example/cb",
        "https:ok.example/cb",
        "https:/ok.example/cb",
        "https:///ok.example/cb",
        "//ok.example/cb",
        "/cb",
        "ok.example/cb",
        "HTTPS://ok.example/cb",
        "Https://ok.example/cb",
        "https://OK.example/cb",
        "https://ok%2eexample/cb",
        "https://ok.example:/cb",
        "https://ok.example:99999/cb",
        "https://ok.example:-1/cb",
        "https://[::1/cb",
        "https://[....]/cb",
        "https://[1::2::3]/cb",
        "https://../cb",
        "https://.ok.example/cb",
        "https://ok..example/cb",
        "https://",
        "https://:443/cb",
        "",
    ],
    "A07 schemes that run, read or call": [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\tscript:alert(1)",
        "javascript://ok.example/%0aalert(1)",
        "data:text/html,x",
        "data://ok.example/,x",
        "vbscript:x",
        "file:///etc/passwd",
        "file://localhost/cb",
        "blob:https://ok.example/1",
        "about:blank",
        "mailto:a@ok.example",
        "ftp://ok.example/cb",
        "ws://localhost/cb",
        "wss://ok.example/cb",
        "tel:1",
        "sms:1",
        "intent://x#Intent;end",
        "view-source:https://ok.example",
        "filesystem:https://ok.example/1",
        "chrome://settings",
        "jar:https://ok.example!/",
        "unlisted:/cb",
        "x:/cb",
        "CURSOR://cb",
    ],
    "A08 hosts that only look like this device": [
        "http://ok.example/cb",
        "http://127.0.0.2/cb",
        "http://localhost.evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://0x7f.1/cb",
        "http://2130706433/cb",
        "http://0177.0.0.1/cb",
        "http://127.1/cb",
        "http://0.0.0.0/cb",
        "http://[::]/cb",
        "http://[0:0:0:0:0:0:0:1]/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://LOCALHOST/cb",
        "http://localhost./cb",
        "http://localhost:99999/cb",
        "http://10.0.0.1/cb",
        "http://[::1%25lo]/cb",
    ],
    "A09 wildcards": [
        "https://*.ok.example/cb",
        "https://ok.example/*",
        "https://ok.example/cb?x=*",
        "http://localhost:*/cb",
        "*",
    ],
    "fragments (RFC 6749 §3.1.2)": ["https://ok.example/cb#", "https://ok.example/cb#f"],
    "A18 parameters of the response": [
        "https://ok.example/cb?code=x",
        "https://ok.example/cb?a=1&state=x",
        "https://ok.example/cb?iss",
        "https://ok.example/cb?error=x",
        "https://ok.example/cb?c%6fde=x",
        "cursor://cb?code=x",
    ],
    "too long": ["https://ok.example/" + "a" * 2048],
}


@pytest.mark.parametrize(("uri", "kind"), USABLE)
def test_a_client_may_register_an_address_that_is_its_own(uri: str, kind: str) -> None:
    """RFC 8252 §7, RFC 9700 §4.1.3."""
    assert require_redirect_uri(uri, private_use_schemes=SCHEMES) == kind


@pytest.mark.parametrize(
    "uri", [uri for uris in UNUSABLE.values() for uri in uris], ids=lambda uri: repr(uri)[:60]
)
def test_nobody_registers_an_ambiguous_address_a05_a06_a07_a09_a18(
    uri: str,
) -> None:
    """A05 to A09, A18; the table says which."""
    with pytest.raises(UnusableRedirectUri):
        require_redirect_uri(uri, private_use_schemes=SCHEMES)


def test_an_operator_cannot_list_a_scheme_that_runs_code_a07() -> None:
    """A07: the list adds schemes, but can't allow unsafe ones."""
    for scheme in ("javascript", "data", "file", "http"):
        with pytest.raises(UnusableRedirectUri):
            require_redirect_uri(f"{scheme}://x/y", private_use_schemes=[scheme])


REGISTERED = "https://ok.example/cb"


@pytest.mark.parametrize(
    "asked",
    [
        "https://ok.example/cb/",
        "https://ok.example/cb/..",
        "https://ok.example/cb/../evil",
        "https://ok.example/cb%2f..",
        "https://ok.example/cb/%2e%2e/evil",
        "https://ok.example/./cb",
        "https://ok.example//cb",
        "https://ok.example/cb?",
        "https://ok.example/cb?x=1",
        "https://ok.example/cb#",
        "https://ok.example/cb#f",
        "https://ok.example/CB",
        "https://ok.example/c%62",
        "https://OK.example/cb",
        "HTTPS://ok.example/cb",
        "http://ok.example/cb",
        "https://ok.example:443/cb",
        "https://ok.example:8443/cb",
        "https://ok.example./cb",
        "https://www.ok.example/cb",
        "https://ok.example.evil.example/cb",
        "https://ok.example@evil.example/cb",
        "https://evil.example/https://ok.example/cb",
        "https://evil.example/?https://ok.example/cb",
        "https://evil.example\\ok.example/cb",
        "https://ok.example",
        "https://ok.example/",
        " https://ok.example/cb",
        "https://ok.example/cb ",
        "https://ok.example/cb\n",
        "https://ok.example/cb\x00",
        "",
    ],
)
def test_an_address_that_nearly_equals_the_registered_one_is_refused_a04(asked: str) -> None:
    """A04: simple string comparison, nothing normalised (RFC 9700 §4.1.3)."""
    assert match_redirect_uri([REGISTERED], REGISTERED)
    assert not match_redirect_uri([REGISTERED], asked)


@pytest.mark.parametrize(
    ("registered", "asked", "matches"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:50001/cb", True),
        ("http://127.0.0.1:3000/cb", "http://127.0.0.1:50001/cb", True),
        ("http://127.0.0.1:3000/cb", "http://127.0.0.1/cb", True),
        ("http://localhost:3000/cb", "http://localhost:1/cb", True),
        ("http://[::1]/cb", "http://[::1]:50001/cb", True),
        ("http://[::1]/cb?x=1", "http://[::1]:50001/cb?x=1", True),
        ("http://127.0.0.1", "http://127.0.0.1:50001", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:50001/other", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:50001/cb/", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:50001/cb?x=1", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:50001/cb#f", False),
        ("http://127.0.0.1/cb", "http://localhost:50001/cb", False),
        ("http://localhost/cb", "http://127.0.0.1:50001/cb", False),
        ("http://localhost/cb", "http://[::1]:50001/cb", False),
        ("http://127.0.0.1/cb", "https://127.0.0.1:50001/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:500001/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80:80/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:+80/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:\u0661/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example:80/cb", False),
        ("https://ok.example/cb", "https://ok.example:50001/cb", False),
        ("https://localhost/cb", "https://localhost:50001/cb", False),
        ("com.example.app://x/cb", "com.example.app://x:1/cb", False),
    ],
)
def test_only_the_port_of_a_program_on_this_device_may_differ_a08(
    registered: str, asked: str, matches: bool
) -> None:
    """RFC 8252 §7.3. A08."""
    assert match_redirect_uri([registered], asked) is matches


@pytest.mark.parametrize(
    ("uri", "shown", "loopback"),
    [
        ("https://ok.example/cb", "ok.example", False),
        ("https://ok.example:8443/cb", "ok.example:8443", False),
        ("https://localhost.evil.example/cb", "localhost.evil.example", False),
        ("http://127.0.0.1:3000/cb", "127.0.0.1:3000", True),
        ("http://[::1]:3000", "[::1]:3000", True),
        ("cursor://anysphere.cursor-mcp/cb", "cursor://anysphere.cursor-mcp", False),
        ("com.example.app:/cb", "com.example.app:", False),
    ],
)
def test_a_person_is_shown_where_an_address_leads(uri: str, shown: str, loopback: bool) -> None:
    """A45, A46."""
    assert (redirect_host(uri), is_loopback(uri)) == (shown, loopback)


FRAGMENTS = st.sampled_from(
    [
        *("https", "http", "cursor", "com.example.app", "javascript", "data", "java", "script"),
        *(":", "/", "//", "@", "\\", "?", "#", "%", "%2f", "&", "=", "*", "\t", " ", "\x00", ";"),
        *("localhost", "127.0.0.1", "[::1]", "[", "]", "::", "0", "8080", "99999", "."),
        *("ok.example", "evil.example", "cb", "..", "code", "c%6fde", "İ", "\u3002", "\ufeff"),
    ]
)
ADDRESSES = st.one_of(
    st.lists(FRAGMENTS, max_size=12).map("".join),
    st.text(max_size=40),
    st.builds(
        lambda scheme, host, rest: f"{scheme}://{host}{rest}",
        st.sampled_from(["https", "http", "cursor", "com.example.app"]),
        st.lists(FRAGMENTS, max_size=4).map("".join),
        st.lists(FRAGMENTS, max_size=6).map("".join),
    ),
)


@given(uri=ADDRESSES)
def test_any_registrable_address_is_safe_for_other_parsers_a05_a06_a09(uri: str) -> None:
    """A05 to A09: `urllib` reads what the rules let through, and agrees."""
    try:
        require_redirect_uri(uri, private_use_schemes=SCHEMES)
    except UnusableRedirectUri:
        return

    parts = urlsplit(uri)
    assert parts.username is None
    assert parts.fragment == ""
    assert "code" not in dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme == "https":
        assert parts.hostname
        assert parts.port is None or parts.port <= 65535
    elif parts.scheme == "http":
        assert parts.hostname in LOOPBACK_HOSTS
    else:
        assert parts.scheme in SCHEMES or "." in parts.scheme


@given(
    uri=st.sampled_from([uri for uri, _ in USABLE]),
    place=st.integers(0, 60),
    character=st.characters(max_codepoint=0x2FF),
    change=st.sampled_from(["replace", "insert", "delete"]),
)
def test_one_changed_character_is_another_address_unless_it_is_the_port_of_this_device_a04(
    uri: str, place: int, character: str, change: str
) -> None:
    """A04, A08."""
    place %= len(uri) + 1
    kept = place if change == "insert" else place + 1
    asked = uri[:place] + ("" if change == "delete" else character) + uri[kept:]

    accepted = match_redirect_uri([uri], asked)

    assert accepted == (asked == uri or _differ_in_loopback_port(uri, asked))


def _differ_in_loopback_port(left: str, right: str) -> bool:
    def without_port(uri: str) -> tuple[str, str, str] | None:
        scheme, colon, rest = uri.partition("://")
        if scheme != "http" or not colon:
            return None
        end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
        host, separator, port = rest[:end].rpartition(":")
        if not separator or (host.startswith("[") and not host.endswith("]")):
            host, separator, port = rest[:end], "", ""
        if separator and not (port.isascii() and port.isdigit() and int(port) <= 65535):
            return None
        if len(port) > 5 or host not in {"localhost", "127.0.0.1", "[::1]"}:
            return None
        return scheme, host, rest[end:]

    read = without_port(left)
    return read is not None and read == without_port(right)


@given(uri=st.sampled_from([uri for uri, _ in USABLE]))
def test_every_registered_address_matches_itself(uri: str) -> None:
    """Registered addresses are compared unchanged."""
    assert match_redirect_uri([uri], uri)


@given(address=st.ip_addresses(v=6))
def test_every_ipv6_address_can_be_a_web_address_and_only_one_is_this_device(
    address: ipaddress.IPv6Address,
) -> None:
    """RFC 3986 §3.2.2, RFC 8252 §7.3."""
    assert require_redirect_uri(f"https://[{address}]/cb") == "https"
    assert is_loopback(f"http://[{address}]/cb") is (address == ipaddress.IPv6Address("::1"))
