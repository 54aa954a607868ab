"""Check which URLs can be client ids."""

import re

_PRINTABLE = re.compile(r"[\x21-\x5B\x5D-\x7E]{1,1024}")
_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,62}")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|\Z)", re.IGNORECASE)
_PORTS = frozenset({"", "443", "8443"})
_LOCAL = frozenset({"localhost", "127.0.0.1"})


class UnusableClientUrl(ValueError):
    """The URL can't be a client id; the message says which rule it breaks."""


def looks_like_url(client_id: str) -> bool:
    """Return whether a client id looks like the URL of a document."""
    return client_id.startswith(("https:", "http:", "HTTPS:", "HTTP:"))


def require_client_url(client_id: str, *, allow_loopback: bool) -> str:
    """Refuse a URL whose text can't be a client id.

    Args:
        client_id: the URL; it is never normalised, since the document must repeat it exactly.
        allow_loopback: also allows `localhost` and any port, for development.

    Returns:
        The URL's host, with the port if it names one.

    Raises:
        UnusableClientUrl: with the rule that the URL breaks.
    """
    if not _PRINTABLE.fullmatch(client_id):
        raise UnusableClientUrl("must be 1 to 1024 printable ASCII characters without \\")
    scheme, separator, rest = client_id.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path = rest[len(authority) :]
    if scheme != "https" or not separator:
        raise UnusableClientUrl("must begin with https://")
    if "#" in client_id or "@" in authority:
        raise UnusableClientUrl("must not have a fragment or a user name")
    if not path.startswith("/") or path.partition("?")[0] == "/":
        raise UnusableClientUrl("must have a path other than /")
    if _DOT_SEGMENT.search(path.partition("?")[0]):
        raise UnusableClientUrl("must not have dot segments")
    host, _, port = authority.partition(":")
    if allow_loopback and host in _LOCAL and (not port or port.isdigit()):
        return authority
    if not _HOST.fullmatch(host) or port not in _PORTS or authority.endswith(":"):
        raise UnusableClientUrl("must name a public host in lower case, on port 443 or 8443")
    return authority
