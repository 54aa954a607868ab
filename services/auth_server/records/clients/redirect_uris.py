"""Check redirect URIs at registration, and compare them at `/authorize`. Pure functions on text.

A URI is never parsed and rebuilt: the registered one is compared and sent back byte for byte, so
that no two parsers can disagree about it (RFC 9700 §4.1.3, RFC 8252 §7).
"""

import ipaddress
import re
from collections.abc import Collection
from typing import Literal
from urllib.parse import unquote_plus

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
LONGEST = 2048
Kind = Literal["https", "loopback", "private-use"]

_PRINTABLE = re.compile(
    rf"[\x21-\x5B\x5D-\x7E]{{1,{LONGEST}}}"
)  # no spaces, control characters, backslashes or non-ASCII characters
_URI = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.\-]*):(?P<slashes>//(?P<authority>[^/?#]*))?(?P<path>[^?#]*)"
    r"(?:\?(?P<query>[^#]*))?"
)
_LABEL = r"[a-z0-9_\-]+"
_AUTHORITY = re.compile(
    rf"(?P<host>\[(?P<ipv6>[0-9a-f:.]+)\]|{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>[0-9]{{1,5}}))?"
)
_RESPONSE_PARAMETERS = frozenset(
    {"code", "state", "iss", "error", "error_description", "error_uri"}
)
_NEVER = frozenset(
    [
        "javascript",
        "data",
        "file",
        "vbscript",
        "blob",
        "about",
        "mailto",
        "ftp",
        "ws",
        "wss",
        "http",
        "tel",
        "sms",
        "intent",
        "view-source",
        "filesystem",
        "chrome",
        "jar",
    ]
)


class UnusableRedirectUri(ValueError):
    """The URI can't be a redirect URI; the message says which rule it breaks."""


def require_redirect_uri(uri: str, *, private_use_schemes: Collection[str] = ()) -> Kind:
    """Return the kind of a redirect URI, and refuse URIs that no rule allows.

    The rules allow `https://` on any host, `http://` on a loopback host, and a private-use scheme
    that is a reversed domain name (it has a dot, RFC 8252 §7.1) or that the operator lists.

    Raises:
        UnusableRedirectUri: with the rule that the URI breaks.
    """
    if not _PRINTABLE.fullmatch(uri):
        raise UnusableRedirectUri("must be 1 to 2048 printable ASCII characters without \\")
    if "*" in uri:
        raise UnusableRedirectUri("must not contain a wildcard")
    if "#" in uri:
        raise UnusableRedirectUri("must not contain a fragment (RFC 6749 section 3.1.2)")
    match = _URI.fullmatch(uri)
    if match is None:
        raise UnusableRedirectUri("must be an absolute URI with a lower-case scheme")
    scheme, authority = match["scheme"], match["authority"]
    for pair in (match["query"] or "").split("&"):
        if unquote_plus(pair.partition("=")[0]) in _RESPONSE_PARAMETERS:
            raise UnusableRedirectUri("its query must not contain a parameter of the response")
    if scheme in {"https", "http"}:
        found = _AUTHORITY.fullmatch(authority or "")
        if found is None or int(found["port"] or 0) > 65535 or not _is_ipv6(found["ipv6"] or "::"):
            raise UnusableRedirectUri("must have a plain lower-case host and no user name")
        if scheme == "https":
            return "https"
        if found["host"] not in LOOPBACK_HOSTS:
            raise UnusableRedirectUri("http is allowed on localhost, 127.0.0.1 and [::1] only")
        return "loopback"
    if scheme in _NEVER or not ("." in scheme or scheme in private_use_schemes):
        raise UnusableRedirectUri(
            f"scheme {scheme[:40]} is neither https, a reversed domain name, nor one that this "
            "server lists"
        )
    if not {"@", "[", "]"}.isdisjoint(authority or ""):
        raise UnusableRedirectUri("must have a plain host and no user name")
    return "private-use"


def match_redirect_uri(registered: Collection[str], asked: str) -> bool:
    """Return whether a request's redirect URI is one of the registered ones.

    They must be equal byte for byte; two loopback URIs may differ in the port (RFC 8252 §7.3).
    """
    if asked in registered:
        return True
    if len(asked) > LONGEST:
        return False
    without_port = _strip_loopback_port(asked)
    return without_port is not None and any(
        without_port == _strip_loopback_port(uri) for uri in registered
    )


def redirect_host(uri: str) -> str:
    """Return where a redirect URI leads: the host with any port, or the scheme with its colon.

    A device resolves the URI of a private-use scheme by the scheme itself. The colon tells such a
    scheme, which may look like a host, from a host.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        return uri
    if match["scheme"] in {"https", "http"}:
        return match["authority"] or ""
    return (
        f"{match['scheme']}://{match['authority']}" if match["authority"] else f"{match['scheme']}:"
    )


def is_loopback(uri: str) -> bool:
    """Return whether a redirect URI leads to the person's own device."""
    return _strip_loopback_port(uri) is not None


_LOOPBACK = re.compile(
    r"(http://(?:localhost|127\.0\.0\.1|\[::1\]))(?::([0-9]{1,5}))?((?:[/?].*)?)"
)


def _strip_loopback_port(uri: str) -> str | None:
    match = _LOOPBACK.fullmatch(uri)
    if match is None or int(match[2] or 0) > 65535:
        return None
    return f"{match[1]}{match[3]}"


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
